"""The words of the field: tables and columns that had private names get the field's; names carry units."""
from server.migrations.renames import rename

TABLES = {
    "order": "dispatch_order", "nature": "device_type", "unit": "der_state", "conduct":
    "participation", "visit": "charging_session", "warmth": "thermal_state", "interval":
    "measurement", "answer": "response_record", "note": "key_value", "audit": "audit_entry",
}
COLUMNS = {
        "document": {"stated": "submitted", "standing": "visibility"},
        "device": {"seen_at": "last_contact_at"},
        "virtual_der": {"import_limit": "import_limit_w", "export_limit": "export_limit_w", "created":
                    "created_at"},
        "order": {"wish": "quantity", "duration": "duration_s", "created": "created_at", "cancelled":
              "cancelled_at", "plan": "plan_id"},
        "share": {"event": "event_href"},
        "series": {"what": "quantity", "issued": "issued_at", "step": "step_s", "every":
               "issue_interval_s"},
        "interval": {"what": "quantity", "read": "devices_read"},
        "plan": {"step": "step_s", "created": "created_at", "seconds": "solver_s"},
        "balance": {"step": "step_s", "horizon": "horizon_steps", "every": "replan_steps", "done":
                "last_step_start", "plan": "plan_id", "trouble": "last_error"},
        "nature": {"what": "kind", "demand": "max_load_w"},
        "unit": {"type": "der_type", "inject": "max_injection_w", "absorb": "max_absorption_w", "capacity":
             "capacity_wh", "ramp": "ramp_w_per_s", "charge": "soc", "charge_at": "soc_at", "up":
             "dischargeable_wh", "down": "chargeable_wh", "offered": "available_w", "was": "previous_soc",
             "was_at": "previous_soc_at", "inferred": "inferred_capacity_wh"},
        "warmth": {"part": "realised", "meant": "intended"},
        "meter": {"what": "kind", "watts": "injection_w", "at": "read_at", "peak": "peak_load_w"},
        "visit": {"arrive": "arrival_at", "depart": "departure_at", "energy": "energy_wh", "power":
              "power_w", "said": "reported_need_wh", "said_at": "reported_at"},
        "conduct": {"response": "response_rate", "silent_since": "non_responding_since", "out_until":
                "opted_out_until", "out_reason": "opt_out_reason", "events": "max_events", "hours":
                "max_hours"},
        "answer": {"created": "created_at", "received": "received_at"},
        "rate": {"what": "purpose", "seconds": "interval_s"},
        "note": {"text": "value"},
        "reading_set": {"stated": "submitted", "duration": "duration_s"},
        "reading": {"stated": "submitted", "duration": "duration_s"},
}


# What devices, meters and series are of. Planned and estimated values are named after these.
KINDS = {"store": "storage", "sun": "pv", "car": "ev", "heat": "thermal", "site": "premises"}
QUANTITIES = {
    **KINDS,
    **{f"{prefix}_{old}": f"{prefix}_{new}" for prefix in ("planned", "base") for old, new in KINDS.items()},
    **{f"{old}_alone": f"{new}_uncontrolled" for old, new in KINDS.items()},
}


def up(migrator, db):
    rename(db, TABLES, COLUMNS)
    for table, column, names in (("device_type", "kind", KINDS), ("meter", "kind", KINDS),
                                 ("measurement", "quantity", QUANTITIES), ("series", "quantity", QUANTITIES)):
        cases = " ".join(f"WHEN '{old}' THEN '{new}'" for old, new in names.items())
        known = ", ".join(f"'{old}'" for old in names)
        db.execute_sql(f"UPDATE {table} SET {column} = CASE {column} {cases} END WHERE {column} IN ({known})")
    # The body of a plan is JSON; these keys stand there once each.
    for old, new in (("sun", "pv"), ("leaves", "dispatch_groups")):
        db.execute_sql(f"""UPDATE plan SET body = replace(body, '"{old}":', '"{new}":')""")
