"""What a body is made of: the table of its parts, and of what hangs from it or is carried."""

from __future__ import annotations

from typing import NamedTuple


class End(NamedTuple):
    """An end of a part: an ellipse at a joint or near it.

    Attributes:
        joint: its name in the skeleton.
        girth: the name of the girth that is the unit of the ellipse's half axes.
        side, front: these half axes.
        up, ahead: how far the ellipse is from the joint, in shares of the person's height.
        up_m, ahead_m: how much farther, in metres.
    """

    joint: str
    girth: str
    side: float
    front: float
    up: float = 0.0
    ahead: float = 0.0
    up_m: float = 0.0
    ahead_m: float = 0.0


class Part(NamedTuple):
    """A part of a body, from its top to its bottom.

    Attributes:
        layer: how many metres nearer than its middle it counts in the order of drawing.
        cover: the name of its surface.
        top: where it begins, and how wide it is there.
        bottom: where it ends, and how wide it is there.
        worn: the part is there if the person wears one of these; always, if there are none.
    """

    layer: float
    cover: str
    top: End
    bottom: End
    worn: tuple[str, ...] = ()


# fmt: off
# Arm and leg, drawn once for either side.
LIMBS = (
    #     layer   cover           joint          girth           side  front      up   ahead    up_m ahead_m  worn
    Part(-0.300, "thigh",     End("hip",         "thigh",       1.000, 1.000),
                              End("knee",        "knee",        1.000, 1.000)),
    Part(-0.301, "shin",      End("knee",        "knee",        1.000, 1.000),
                              End("ankle",       "ankle",       1.000, 1.000)),
    Part(-0.310, "shoe",      End("heel",        "height",      0.022, 0.022),
                              End("toe",         "height",      0.020, 0.020)),
    Part(-0.311, "sole",      End("heel",        "height",      0.014, 0.014, -0.017),
                              End("tip",         "height",      0.013, 0.013)),
    Part( 0.030, "upper arm", End("shoulder",    "armpit",      1.000, 1.000),
                              End("elbow",       "elbow",       1.000, 1.000)),
    Part( 0.031, "forearm",   End("elbow",       "elbow",       1.000, 1.000),
                              End("wrist",       "wrist",       1.000, 1.000)),
    Part( 0.032, "skin",      End("wrist",       "height",      0.015, 0.015),
                              End("wrist",       "height",      0.017, 0.012, -0.035,  0.000,  0.000,  0.010)),
)
# Trunk and head, and what hangs from them.
TRUNK = (
    #     layer   cover           joint          girth           side  front      up   ahead    up_m ahead_m  worn
    Part( 0.020, "bottom",    End("hips",        "skirt",       1.000, 1.000,  0.000,  0.000,  0.030),
                              End("skirt hem",   "skirt hem",   1.000, 1.100), ("skirt",)),
    Part( 0.000, "bottom",    End("waist",       "waist",       1.020, 1.020),
                              End("hips",        "hips",        1.000, 1.000,  0.000,  0.000, -0.020)),
    Part( 0.001, "belt",      End("waist",       "waist",       1.040, 1.040,  0.000,  0.000, -0.020),
                              End("waist",       "waist",       1.040, 1.040,  0.000,  0.000, -0.050), ("belt",)),
    Part( 0.015, "hem",       End("ribs",        "loose waist", 1.000, 1.000),
                              End("hem",         "hem",         1.000, 1.000)),
    Part( 0.020, "chest",     End("chest",       "loose chest", 1.000, 1.000),
                              End("ribs",        "loose waist", 1.000, 1.000)),
    Part( 0.018, "chest",     End("shoulders",   "chest",       0.620, 0.720,  0.018),
                              End("chest",       "loose chest", 0.985, 1.000,  0.000,  0.000, -0.010)),
    Part( 0.030, "collar",    End("shoulders",   "height",      0.036, 0.038,  0.035),
                              End("shoulders",   "height",      0.046, 0.044,  0.010), ("collar",)),
    Part( 0.005, "skin",      End("chin",        "height",      0.030, 0.030,  0.020,  0.000,  0.000, -0.010),
                              End("shoulders",   "height",      0.036, 0.036, -0.005)),
    Part( 0.045, "head",      End("crown",       "head",        1.000, 1.000, -0.022),
                              End("chin",        "jaw",         1.000, 1.000,  0.018,  0.000,  0.000,  0.005)),
    Part(-0.020, "hair",      End("crown",       "height",      0.044, 0.030, -0.040, -0.032),
                              End("hair end",    "height",      0.042, 0.020,  0.030, -0.042), ("bob", "long")),
    Part( 0.000, "hair",      End("crown",       "height",      0.022, 0.022,  0.008, -0.045),
                              End("crown",       "height",      0.022, 0.022, -0.012, -0.050), ("bun",)),
    Part(-0.010, "hair",      End("crown",       "height",      0.014, 0.014, -0.030, -0.055),
                              End("chin",        "height",      0.010, 0.010, -0.050, -0.085), ("ponytail",)),
    Part( 0.060, "hat",       End("crown",       "height",      0.038, 0.047, -0.004),
                              End("crown",       "height",      0.041, 0.050, -0.030), ("cap",)),
    Part( 0.070, "hat",       End("crown",       "height",      0.033, 0.012, -0.024,  0.046),
                              End("crown",       "height",      0.028, 0.012, -0.034,  0.080), ("cap",)),
    Part( 0.060, "hat",       End("crown",       "height",      0.038, 0.047, -0.002),
                              End("crown",       "height",      0.041, 0.050, -0.045), ("beanie",)),
    Part( 0.060, "hat",       End("crown",       "height",      0.036, 0.042,  0.004),
                              End("crown",       "height",      0.041, 0.047, -0.030), ("brim",)),
    Part( 0.061, "hat",       End("crown",       "height",      0.080, 0.080, -0.026),
                              End("crown",       "height",      0.080, 0.080, -0.034), ("brim",)),
    Part( 0.044, "hood",      End("crown",       "height",      0.046, 0.056,  0.004, -0.012),
                              End("shoulders",   "height",      0.056, 0.054,  0.010, -0.014), ("hood up",)),
    Part( 0.052, "face",      End("crown",       "height",      0.024, 0.030, -0.040,  0.022),
                              End("chin",        "height",      0.026, 0.030,  0.018,  0.022), ("hood up",)),
    Part(-0.015, "hood",      End("shoulders",   "height",      0.050, 0.035,  0.045, -0.050),
                              End("shoulders",   "height",      0.065, 0.030, -0.020, -0.060), ("hood",)),
    Part( 0.050, "scarf",     End("collar",      "height",      0.052, 0.050, -0.004),
                              End("shoulders",   "height",      0.064, 0.058, -0.012,  0.000,  0.000,  0.010), ("scarf",)),
    Part( 0.000, "bag",       End("pack",        "pack",        1.000, 1.000),
                              End("pack end",    "pack end",    1.000, 1.000), ("backpack",)),
    Part(-0.010, "bag trim",  End("pocket",      "pocket",      1.000, 1.000),
                              End("pocket end",  "pocket",      1.000, 1.000), ("backpack",)),
    Part( 0.050, "bag",       End("bag",         "size",        0.050, 0.150),
                              End("bag end",     "size",        0.050, 0.170), ("shoulder", "crossbody")),
    Part( 0.040, "bag trim",  End("strap",       "metre",       0.012, 0.016),
                              End("strap end",   "metre",       0.012, 0.016), ("shoulder",)),
    Part( 0.060, "bag",       End("handbag",     "size",        0.050, 0.130),
                              End("handbag end", "size",        0.060, 0.150), ("handbag", "carrier")),
    Part( 0.055, "bag trim",  End("grip",        "metre",       0.010, 0.020,  0.010),
                              End("grip",        "metre",       0.020, 0.060, -0.060), ("handbag", "carrier")),
    Part( 0.070, "dark",      End("thing",       "metre",       0.030, 0.012,  0.040),
                              End("thing",       "metre",       0.030, 0.012, -0.030), ("phone",)),
    Part( 0.070, "pale",      End("thing",       "metre",       0.040, 0.040,  0.030),
                              End("thing",       "metre",       0.032, 0.032, -0.040), ("cup",)),
    Part( 0.075, "dark",      End("stick",       "metre",       0.008, 0.008),
                              End("stick end",   "metre",       0.008, 0.008), ("umbrella",)),
    Part( 0.090, "canopy",    End("stick",       "metre",       0.250, 0.250,  0.060),
                              End("stick",       "metre",       0.520, 0.520, -0.030), ("umbrella",)),
    Part( 0.080, "carton",    End("box",         "metre",       0.200, 0.130,  0.060),
                              End("box",         "metre",       0.200, 0.130, -0.090), ("box",)),
    Part( 0.010, "dark",      End("hand",        "metre",       0.012, 0.012),
                              End("trolley",     "metre",       0.012, 0.012), ("trolley",)),
    Part( 0.012, "case",      End("trolley",     "metre",       0.170, 0.110),
                              End("trolley end", "metre",       0.180, 0.120), ("trolley",)),
    Part( 0.065, "case",      End("crown",       "height",      0.048, 0.062, -0.010),
                              End("chin",        "height",      0.048, 0.055,  0.025), ("helmet",)),
)
# fmt: on
