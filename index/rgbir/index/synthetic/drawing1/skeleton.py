"""Where a person's joints are, and where bags hang: metres to the person's left, up from the ground, and ahead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rgbir.index.synthetic.drawing1.cuts import BOTTOMS, TOPS
from rgbir.index.synthetic.drawing1.girths import Axes
from rgbir.index.synthetic.drawing1.people import Person

Point = tuple[float, float, float]
Joints = dict[str, Point]
ANKLE, UPPER_ARM, FOREARM = 0.045, 0.165, 0.15
"""The ankle's height above the ground and the arm's lengths, as shares of the person's height."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How the person stands in one picture.

    Attributes:
        yaw: radians by which the person is turned; 0 faces the camera.
        phase: where the person is in a step, in radians.
        arm_bend: radians by which the elbow on the bag's side is bent more than the other.
        lean: how far the person leans ahead, added to the person's stoop.
    """

    yaw: float
    phase: float
    arm_bend: float
    lean: float


def joints(person: Person, pose: Pose, girths: dict[str, Axes]) -> dict[int, Joints]:
    """Joints by name: -1 has those of the right arm and leg, 1 those of the left, and 0 the others."""
    trunk = _trunk(person, pose)
    limbs = {side: _leg(person, pose, side) | _arm(person, pose, side, trunk, girths) for side in (-1, 1)}
    return {0: trunk | _bag(person, pose, person.bag_side, trunk, girths), **limbs}


def leg_m(person: Person) -> float:
    """From the hip to the ankle."""
    return person.leg_share * person.height_m - ANKLE * person.height_m


def _step(pose: Pose, side: int) -> float:
    """Where that leg is in its step, in radians."""
    return pose.phase + (0 if side > 0 else np.pi)


def _trunk(person: Person, pose: Pose) -> Joints:
    h, top, skirt = person.height_m, TOPS[person.top], BOTTOMS[person.bottom]
    lean = person.stoop + pose.lean
    hip_y, shoulder_y, chin_y = person.leg_share * h, 0.815 * h, 0.868 * h
    shoulder_z = lean * 0.6
    belly_z, head_z = shoulder_z * 0.3, shoulder_z + lean * 0.25
    return {
        "hips": (0, hip_y, 0),
        "hem": (0, hip_y + top.hem * h + top.hem_m, 0),
        "skirt hem": (0, hip_y - leg_m(person) * skirt.length, np.sin(pose.phase) * 0.03),
        "waist": (0, hip_y + 0.075 * h, belly_z),
        "ribs": (0, hip_y + 0.10 * h, belly_z),
        "chest": (0, shoulder_y - 0.01 * h, shoulder_z),
        "shoulders": (0, shoulder_y, shoulder_z),
        "collar": (0, chin_y, shoulder_z),
        "chin": (0, chin_y, head_z),
        "hair end": (0, chin_y - (0.05 if person.hair == "bob" else 0.14) * h, head_z),
        "crown": (0, 0.975 * h, head_z),
    }


def _leg(person: Person, pose: Pose, side: int) -> Joints:
    h, hip_y, half = person.height_m, person.leg_share * person.height_m, leg_m(person) * 0.5
    thigh = np.sin(_step(pose, side)) * 0.36 * person.stride
    shin = thigh - max(0.0, -np.cos(_step(pose, side))) * 0.5 * person.stride
    x = side * 0.052 * h * (0.7 + 0.3 * person.girth) * person.hips
    knee_y, knee_z = hip_y - half * np.cos(thigh), half * np.sin(thigh)
    ankle_y, ankle_z = max(knee_y - half * np.cos(shin), ANKLE * h), knee_z + half * np.sin(shin)
    toe_y, toe_z = ankle_y - 0.024 * h, ankle_z + 0.085 * h
    return {
        "hip": (x, hip_y, 0),
        "knee": (x, knee_y, knee_z),
        "ankle": (x, ankle_y, ankle_z),
        "heel": (x, ankle_y - 0.018 * h, ankle_z - 0.03 * h),
        "toe": (x, toe_y, toe_z),
        "tip": (x, toe_y - 0.017 * h * 0.6, toe_z + 0.01),
    }


def _arm(person: Person, pose: Pose, side: int, trunk: Joints, girths: dict[str, Axes]) -> Joints:
    h, upper_m, fore_m = person.height_m, UPPER_ARM * person.height_m, FOREARM * person.height_m
    upper = -np.sin(_step(pose, side)) * 0.42 * person.stride
    fore = upper + (0.25 + pose.arm_bend * (0.5 + 0.5 * side * person.bag_side))
    _, neck_y, z = trunk["shoulders"]
    x, y = side * (girths["loose chest"][0] + 0.006 * h), neck_y - 0.012 * h
    elbow_x = x + side * (0.10 + 0.05 * person.girth) * upper_m
    elbow_y, elbow_z = y - upper_m * np.cos(upper), z + upper_m * np.sin(upper)
    return {
        "shoulder": (x, y, z),
        "elbow": (elbow_x, elbow_y, elbow_z),
        "wrist": (elbow_x + side * 0.02, elbow_y - fore_m * np.cos(fore), elbow_z + fore_m * np.sin(fore)),
    }


def _bag(person: Person, pose: Pose, side: int, trunk: Joints, girths: dict[str, Axes]) -> Joints:
    """Where the person's bag would hang on the back, at the hip of that side, and in the hand."""
    h, size, hip = person.height_m, person.bag_size, girths["hips"][0]
    _, shoulder_y, shoulder_z = trunk["shoulders"]
    # Shares of the height: how far a bag's top is above the hip or the hand, and its length at size 1.
    bags = {"shoulder": (0.13, 0.13), "crossbody": (0.05, 0.13), "handbag": (-0.05, 0.14), "carrier": (-0.05, 0.24)}
    rise, length = bags.get(person.bag, (0.0, 0.0))
    back_z = shoulder_z - girths["loose chest"][1] - 0.055 * size
    back_y, end_y = shoulder_y - 0.01 * h, shoulder_y - 0.27 * h * min(size, 1.15)
    hip_x, hip_y = side * (hip + 0.06 * size), trunk["hips"][1] + rise * h
    hand_x, hand_y = side * (hip + 0.15), shoulder_y - 0.32 * h
    hand_z = 0.3 * h * np.sin(-np.sin(_step(pose, side)) * 0.3 * person.stride)
    return {
        "pack": (0, back_y, back_z),
        "pack end": (0, end_y, back_z),
        "pocket": (0, (back_y + end_y) / 2 - 0.02, back_z - 0.05),
        "pocket end": (0, end_y + 0.02, back_z - 0.06),
        "strap": (side * 0.1 * h, shoulder_y, shoulder_z),
        "strap end": (hip_x * 0.95, hip_y, -0.01),
        "bag": (hip_x, hip_y, -0.02),
        "bag end": (hip_x, hip_y - length * h * size, -0.02),
        "grip": (hand_x, hand_y, hand_z),
        "handbag": (hand_x, hand_y + rise * h, hand_z),
        "handbag end": (hand_x, hand_y + rise * h - length * h * size, hand_z),
    }
