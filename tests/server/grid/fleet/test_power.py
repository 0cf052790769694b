from server import clock
from server.grid.fleet import power


def test_reverse_is_injection_and_forward_is_not(battery):
    first, second = battery(1, injection=1500), battery(2, injection=0)
    second.post(900, flow=1)
    readings = power.latest([first.lfdi, second.lfdi])
    assert {lfdi: reading.injection_w for lfdi, reading in readings.items()} == {
        first.lfdi: 1500, second.lfdi: -900}


def test_a_device_without_readings_is_left_out(home):
    assert power.latest([home(1).lfdi]) == {}


def test_the_mean_over_a_time_weighs_by_duration(battery):
    first = battery(1)
    now = clock.now()
    first.post(1000, start=now - 600, duration=100)
    first.post(4000, start=now - 500, duration=300)
    first.post(9999, start=now - 200, duration=100)
    assert power.mean([first.lfdi], now - 600, now - 200) == {first.lfdi: 3250}
    assert power.mean([first.lfdi], now + 10, now + 20) == {}


def test_averages_of_all_phases_count_and_nothing_else(home):
    first = home(1)
    period = {"start": clock.now() - 60, "duration": 60}

    def reading(number, value, **kind):
        return {"mRID": f"C{number:03X}", "Reading": {"timePeriod": period, "value": value}, "ReadingType": {
            "flowDirection": 19, "powerOfTenMultiplier": 1, "uom": 38, **kind}}
    first.client.post("/mup", "MirrorUsagePoint", {
        "mRID": "A001", "roleFlags": "0009", "serviceCategoryKind": 0, "status": 1, "deviceLFDI": first.lfdi,
        "MirrorMeterReading": [reading(1, 11, dataQualifier=0), reading(2, 22, dataQualifier=2),
                               reading(3, 33, dataQualifier=8), reading(4, 44, dataQualifier=2, phase=128),
                               reading(5, 55, dataQualifier=2, uom=63)]})
    first.client.post("/mup", "MirrorUsagePoint", {
        "mRID": "A002", "roleFlags": "0003", "serviceCategoryKind": 0, "status": 1, "deviceLFDI": first.lfdi,
        "MirrorMeterReading": [reading(6, 66, dataQualifier=2)]})
    assert power.latest([first.lfdi])[first.lfdi] == (220, clock.now())
