"""Where a person's joints are, and where bags hang: metres to the person's left, up from the ground, and ahead."""

from __future__ import annotations

from rgbir.index.synthetic.drawing2.passes import Pose
from rgbir.index.synthetic.drawing2.people import Person
from rgbir.index.synthetic.drawing2.tables import PI, cosine, sine

Point = tuple[float, float, float]
Joints = dict[str, Point]
Axes = tuple[float, float]
ANKLE, UPPER_ARM, FOREARM = 0.045, 0.170, 0.150
"""The ankle's height above the ground and the arm's lengths, as shares of the person's height."""
_TWO_HANDS = ("box",)
"""Carried before the belly."""


def joints(person: Person, pose: Pose, girths: dict[str, Axes]) -> dict[int, Joints]:
    """Joints by name: -1 has those of the right arm and leg, 1 those of the left, and 0 the others."""
    trunk = _trunk(person, pose)
    limbs = {side: _leg(person, pose, side, trunk) | _arm(person, pose, side, trunk, girths) for side in (-1, 1)}
    carried = _carried(person, pose, trunk, limbs)
    return {0: trunk | carried | _bag(person, pose, trunk, girths, limbs), **limbs}


def leg_m(person: Person) -> float:
    """From the hip to the ankle."""
    return person.leg_share * person.height_m - ANKLE * person.height_m


def _step(pose: Pose, side: int) -> float:
    """Where that leg is in its step, in radians."""
    return pose.phase + (0 if side > 0 else PI)


def _trunk(person: Person, pose: Pose) -> Joints:
    h, top, skirt = person.height_m, person.outfit.top, person.outfit.bottom
    sway = person.gait.sway_m * sine(pose.phase) * min(pose.effort, 1.2)
    rise = person.gait.bounce_m * 0.5 * cosine(2 * pose.phase) * min(pose.effort, 1.2)
    hip_y, shoulder_y, chin_y = person.leg_share * h + rise, 0.818 * h + rise, h * (1 - 1 / person.heads) + rise
    shoulder_z = person.stoop * 0.6 * h / 1.7
    belly_z, head_z = shoulder_z * 0.3, shoulder_z + person.stoop * 0.25
    crown_y = 0.978 * h + rise
    return {
        "hips": (sway * 0.5, hip_y, 0.0),
        "hem": (sway * 0.5, hip_y - top.hem_m * h / 1.7, 0.0),
        "skirt hem": (sway * 0.3, hip_y - leg_m(person) * skirt.length, sine(pose.phase) * 0.03),
        "waist": (sway * 0.7, hip_y + 0.075 * h, belly_z),
        "ribs": (sway * 0.8, hip_y + 0.10 * h, belly_z),
        "chest": (sway, shoulder_y - 0.02 * h, shoulder_z),
        "shoulders": (sway, shoulder_y, shoulder_z),
        "collar": (sway, chin_y, shoulder_z),
        "chin": (sway, chin_y, head_z),
        "hair end": (sway, chin_y - (0.04 if person.cut == "bob" else 0.12) * h * person.hair_length, head_z),
        "crown": (sway, crown_y, head_z),
        "eyes": (sway, chin_y + (crown_y - chin_y) * 0.52, head_z),
    }


def _leg(person: Person, pose: Pose, side: int, trunk: Joints) -> Joints:
    h, gait, half = person.height_m, person.gait, leg_m(person) * 0.5
    hip_x, hip_y, _ = trunk["hips"]
    angle = _step(pose, side)
    thigh = sine(angle) * 0.40 * gait.stride * pose.effort
    bent = (max(0.0, -cosine(angle)) * 0.75 * gait.stride * gait.knee + 0.06) * min(pose.effort, 1.3)
    shin = thigh - bent
    x = hip_x + side * 0.050 * h * (0.7 + 0.3 * person.girth) * person.hips
    knee_y, knee_z = hip_y - half * cosine(thigh), half * sine(thigh)
    ankle_y, ankle_z = max(knee_y - half * cosine(shin), ANKLE * h), knee_z + half * sine(shin)
    toe_y, toe_z = ankle_y - 0.024 * h, ankle_z + 0.085 * h
    toe_x = x + side * gait.toe_out * 0.085 * h
    return {
        "hip": (x, hip_y, 0.0),
        "knee": (x, knee_y, knee_z),
        "ankle": (x, ankle_y, ankle_z),
        "heel": (x, ankle_y - 0.018 * h, ankle_z - 0.03 * h),
        "toe": (toe_x, toe_y, toe_z),
        "tip": (toe_x, toe_y - 0.010 * h, toe_z + 0.01),
    }


def _arm(person: Person, pose: Pose, side: int, trunk: Joints, girths: dict[str, Axes]) -> Joints:
    h, gait = person.height_m, person.gait
    upper_m, fore_m = UPPER_ARM * h, FOREARM * h
    swing = sine(_step(pose, side)) * min(pose.effort, 1.3)
    upper = -swing * 0.42 * gait.swing
    fore = upper + gait.elbow + max(0.0, -swing) * 0.35 * gait.swing
    holds = side == person.bag_side
    if holds and pose.carried == "phone":
        upper, fore = 0.55, 2.75
    elif holds and pose.carried in ("cup", "umbrella"):
        upper, fore = 0.15, 1.75
    elif pose.carried in _TWO_HANDS:
        upper, fore = 0.25, 1.45
    elif holds and pose.carried == "trolley":
        upper, fore = -0.45, -0.35
    elif holds and pose.carried == "child":
        upper, fore = 0.1, 0.15
    shoulder_x, neck_y, z = trunk["shoulders"]
    x, y = shoulder_x + side * girths["loose chest"][0] * 0.93, neck_y - 0.022 * h
    inwards = 0.0 if pose.carried not in _TWO_HANDS else 0.06
    elbow_x = x + side * (0.07 + 0.05 * person.girth) * upper_m
    elbow_y, elbow_z = y - upper_m * cosine(upper), z + upper_m * sine(upper)
    return {
        "shoulder": (x, y, z),
        "elbow": (elbow_x, elbow_y, elbow_z),
        "wrist": (
            elbow_x - side * inwards + side * 0.01,
            elbow_y - fore_m * cosine(fore),
            elbow_z + fore_m * sine(fore),
        ),
    }


def _carried(person: Person, pose: Pose, trunk: Joints, limbs: dict[int, Joints]) -> Joints:
    x, y, z = limbs[person.bag_side]["wrist"]
    belly = trunk["ribs"]
    return {
        "hand": (x, y, z),
        "thing": (x, y + 0.05, z + 0.03),
        "stick": (x, y + 0.35 * person.height_m, z),
        "stick end": (x, y - 0.05, z),
        "box": (belly[0], belly[1] + 0.02, belly[2] + 0.30),
        "trolley": (x, 0.55, z - 0.25),
        "trolley end": (x, 0.06, z - 0.40),
    }


def _bag(person: Person, pose: Pose, trunk: Joints, girths: dict[str, Axes], limbs: dict[int, Joints]) -> Joints:
    """Where the person's bag would hang on the back, at the hip of its side, and in the hand."""
    h, size, hip, side = person.height_m, person.bag_size, girths["hips"][0], person.bag_side
    sway, shoulder_y, shoulder_z = trunk["shoulders"]
    # Shares of the height: how far a bag's top is above the hip or the hand, and its length at size 1.
    bags = {"shoulder": (0.13, 0.13), "crossbody": (0.05, 0.13), "handbag": (-0.05, 0.14), "carrier": (-0.05, 0.24)}
    rise, length = bags.get(person.bag, (0.0, 0.0))
    back_z = shoulder_z - girths["loose chest"][1] - 0.055 * size
    back_y, end_y = shoulder_y - 0.01 * h, shoulder_y - 0.27 * h * min(size, 1.15)
    hip_x, hip_y = sway + side * (hip + 0.06 * size), trunk["hips"][1] + rise * h
    hand_x, hand_y, hand_z = limbs[side]["wrist"]
    hand_x, hand_y = hand_x + side * 0.03, hand_y - 0.03 * h
    return {
        "pack": (sway, back_y, back_z),
        "pack end": (sway, end_y, back_z),
        "pocket": (sway, (back_y + end_y) / 2 - 0.02, back_z - 0.05),
        "pocket end": (sway, end_y + 0.02, back_z - 0.06),
        "strap": (sway + side * 0.1 * h, shoulder_y, shoulder_z),
        "strap end": (hip_x * 0.95, hip_y, -0.01),
        "bag": (hip_x, hip_y, -0.02),
        "bag end": (hip_x, hip_y - length * h * size, -0.02),
        "grip": (hand_x, hand_y, hand_z),
        "handbag": (hand_x, hand_y + rise * h, hand_z),
        "handbag end": (hand_x, hand_y + rise * h - length * h * size, hand_z),
    }
