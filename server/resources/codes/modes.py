"""Codes of DERControl modes: the bits of the bitmaps that name them, and the types of their curves.

Members have the names of the elements of DERControlBase.
"""
from __future__ import annotations

from enum import IntEnum


class DERControlType(IntEnum):
    """The bits of modesSupported, modesEnabled and modesResponded; those from 27 on are of the 2023 edition.

    `charge` and `discharge` name no control.
    """
    charge = 0
    discharge = 1
    opModConnect = 2
    opModEnergize = 3
    opModFixedPFAbsorbW = 4
    opModFixedPFInjectW = 5
    opModFixedVar = 6
    opModFixedW = 7
    opModFreqDroop = 8
    opModFreqWatt = 9
    opModHFRTMayTrip = 10
    opModHFRTMustTrip = 11
    opModHVRTMayTrip = 12
    opModHVRTMomentaryCessation = 13
    opModHVRTMustTrip = 14
    opModLFRTMayTrip = 15
    opModLFRTMustTrip = 16
    opModLVRTMayTrip = 17
    opModLVRTMomentaryCessation = 18
    opModLVRTMustTrip = 19
    opModMaxLimW = 20
    opModTargetVar = 21
    opModTargetW = 22
    opModVoltVar = 23
    opModVoltWatt = 24
    opModWattPF = 25
    opModWattVar = 26
    opModDeltaVar = 27
    opModDeltaW = 28
    opModFixedV = 29
    opModGridConnectPermit = 30
    opModIslandPermit = 31


class DERControlType2(IntEnum):
    """The bits of modesSupported2, modesEnabled2 and modesResponded2 (2023 edition)."""
    opModMaxLimPctVAAbsorb = 0
    opModMaxLimPctVAInject = 1
    opModMaxLimPctVarAbsorb = 2
    opModMaxLimPctVarInject = 3
    opModMaxLimPctWAbsorb = 4
    opModMaxLimVarAbsorb = 5
    opModMaxLimVarInject = 6
    opModMaxLimWAbsorb = 7
    opModMaxLimWInject = 8
    opModTargetV = 9


class DOEControlType(IntEnum):
    """The bits of CSIP-AUS's doeModesSupported and doeModesEnabled."""
    opModExpLimW = 0
    opModImpLimW = 1
    opModGenLimW = 2
    opModLoadLimW = 3


class DERCurveType(IntEnum):
    """DERCurve/curveType: the mode that a curve is for."""
    opModFreqWatt = 0
    opModHFRTMayTrip = 1
    opModHFRTMustTrip = 2
    opModHVRTMayTrip = 3
    opModHVRTMomentaryCessation = 4
    opModHVRTMustTrip = 5
    opModLFRTMayTrip = 6
    opModLFRTMustTrip = 7
    opModLVRTMayTrip = 8
    opModLVRTMomentaryCessation = 9
    opModLVRTMustTrip = 10
    opModVoltVar = 11
    opModVoltWatt = 12
    opModWattPF = 13
    opModWattVar = 14
