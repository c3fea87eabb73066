"""Draw people, dogs, cars, bicycles, AR markers and rocks."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import ArrayLike

from segdrone.synthetic.canvas import Canvas, Points
from segdrone.synthetic.materials import Color, Layer, Material, hsv, ramp, stone_color
from segdrone.synthetic.solids import Vector, lift, prism, rectangle, rotate


def to_world(points: ArrayLike, at: Vector, yaw: float) -> Points:
    """Returns world points `[N, 3]` of points relative to an object at `at`, rotated by `yaw` radians."""
    own = np.asarray(points, np.float64)
    return np.column_stack([rotate(own[:, :2], at, yaw), own[:, 2]])


def person(canvas: Canvas, rng: np.random.Generator, at: Vector) -> None:
    """Draws a standing or walking person, who faces x."""
    stride, swing = rng.uniform(0.0, 0.3), rng.uniform(-0.25, 0.3, 2)
    tall, yaw = rng.uniform(0.82, 1.06), rng.uniform(0, 2 * np.pi)
    cloth = [_cloth(rng) for _ in range(2)]
    skin = hsv(rng.uniform(15, 30), rng.uniform(0.3, 0.55), rng.uniform(90, 225))
    hair = hsv(rng.uniform(15, 45), rng.uniform(0.1, 0.6), rng.uniform(22, 190))
    joints = to_world(
        [
            [stride, 0.1, 0.05], [-stride, -0.1, 0.05], [0, 0.09, 0.9], [0, -0.09, 0.9],
            [0, 0.19, 1.42], [0, -0.19, 1.42], [swing[0], 0.3, 1.0], [swing[1], -0.3, 1.0],
            [0.02, 0, 1.5], [0.06, 0, 1.64],
        ],
        at, yaw,
    ) * [1, 1, tall]  # fmt: skip
    foot_l, foot_r, hip_l, hip_r, arm_l, arm_r, hand_l, hand_r, neck, head = joints
    legs = [(foot_l, hip_l, 0.085), (foot_r, hip_r, 0.085)]
    torso = [(hip_l, hip_r, 0.14), (hip_l, arm_l, 0.13), (hip_r, arm_r, 0.13), (arm_l, arm_r, 0.14)]
    arms = [(arm_l, hand_l, 0.065), (arm_r, hand_r, 0.065)]
    canvas.shadow_capsules([*legs, *torso, *arms, (neck, head, 0.11)])
    canvas.capsules(legs, cloth[0], "person")
    canvas.capsules([(foot_l, foot_l, 0.08), (foot_r, foot_r, 0.08)], (45, 42, 40), "person")
    canvas.capsules(torso, np.multiply(cloth[1], 0.8), "person")
    canvas.capsules(arms, np.multiply(cloth[1], 0.92), "person")
    canvas.capsules([(hand_l, hand_l, 0.06), (hand_r, hand_r, 0.06)], skin, "person")
    canvas.capsules([(arm_l, arm_r, 0.1)], cloth[1], "person")
    canvas.capsules([(head, head, 0.12)], skin, "person")
    crown = np.add(head, (0, 0, 0.05))
    canvas.capsules([(head, crown, 0.105)], hair, "person")


def _cloth(rng: np.random.Generator) -> Color:
    if rng.random() < 0.4:
        return hsv(rng.uniform(0, 360), rng.uniform(0.0, 0.15), rng.uniform(30, 235))
    return hsv(rng.uniform(0, 360), rng.uniform(0.25, 0.75), rng.uniform(45, 210))


def dog(canvas: Canvas, rng: np.random.Generator, at: Vector) -> None:
    """Draws a dog: body, head with ears, tail and paws."""
    size, yaw, bend = rng.uniform(0.68, 1.05), rng.uniform(0, 2 * np.pi), rng.uniform(-0.12, 0.12)
    fur = hsv(rng.uniform(18, 38), rng.uniform(0.0, 0.45), rng.uniform(35, 200))
    own = [
        [0.28, 0, 0.5], [-0.3, 0, 0.48], [0.5, bend, 0.58], [0.63, 1.3 * bend, 0.54],
        [-0.62, -2 * bend, 0.55],
        [0.25, 0.12, 0], [0.25, -0.12, 0], [-0.28, 0.12, 0], [-0.28, -0.12, 0],
        [0.47, bend + 0.1, 0.58], [0.47, bend - 0.1, 0.58],
    ]  # fmt: skip
    chest, rump, head, nose, tail, *paws, ear_l, ear_r = to_world(np.array(own) * size, at, yaw)
    legs = [(paw, body, 0.04 * size) for paw, body in zip(paws, (chest, chest, rump, rump), strict=True)]
    body = [(chest, rump, 0.14 * size), (chest, head, 0.09 * size), (head, nose, 0.075 * size)]
    tip = [(rump, tail, 0.035 * size)]
    canvas.shadow_capsules([*legs, *body, *tip])
    canvas.capsules([*legs, *tip], np.multiply(fur, 0.75), "dog")
    canvas.capsules(body, fur, "dog")
    canvas.capsules([(chest, rump, 0.06 * size)], np.multiply(fur, rng.uniform(0.6, 1.35)), "dog")
    canvas.capsules([(ear_l, ear_l, 0.045 * size), (ear_r, ear_r, 0.045 * size)], np.multiply(fur, 0.55), "dog")


def car(canvas: Canvas, rng: np.random.Generator, at: Vector, yaw: float) -> None:
    """Draws a car that faces x: body, dark windows, roof, lamps and mirrors."""
    long, wide, high = rng.uniform([3.8, 1.7, 1.4], [4.7, 1.85, 1.7])
    tail = rng.choice([0.82, 0.62])
    gray = rng.random() < 0.55
    paint = np.array(
        hsv(215, rng.uniform(0, 0.08), rng.uniform(28, 235))
        if gray
        else hsv(rng.choice([0.0, 8.0, 215.0, 225.0, 150.0, 35.0]), rng.uniform(0.3, 0.75), rng.uniform(60, 170))
    )
    half = np.array([long, wide]) / 2
    shape = [[1, 0.55], [0.93, 0.85], [0.8, 0.97], [-0.85, 1], [-0.97, 0.85], [-1, 0.6]]
    plan = np.array([*shape, *[[x, -y] for x, y in shape[::-1]]])[::-1] * half
    cabin = np.array([[0.38, 0.8], [-tail, 0.82], [-tail, -0.82], [0.38, -0.8]])[::-1] * half
    roof = np.array([[0.08, 0.66], [0.12 - tail, 0.68], [0.12 - tail, -0.68], [0.08, -0.66]])[::-1] * half

    def at_height(points: ArrayLike, z: float) -> Points:
        return lift(rotate(points, at, yaw), z)

    canvas.shadow(np.vstack([at_height(plan, 0.1), at_height(plan, 0.9)]))
    canvas.shadow(np.vstack([at_height(cabin, 0.85), at_height(roof, high)]))
    prism(canvas, rotate(plan, at, yaw), 0.25, 0.85, paint, "car", shadow=False)
    lacquer = Material((Layer("clouds", (3.5, 3.5), 30.0, offset=tuple(rng.random(2))),), ramp(tuple(paint), 0.75, 1.3))
    canvas.polygon(at_height(plan * [0.95, 0.86], 0.9), lacquer, "car")
    seam = at_height(np.array([[0.42, 0.8], [0.48, 0.0], [0.42, -0.8], [0.9, 0.6], [0.9, -0.6]]) * half, 0.92)
    canvas.capsules([(seam[0], seam[1], 0.02), (seam[1], seam[2], 0.02), (seam[3], seam[4], 0.05)], paint * 0.4, "car")
    mirrors = at_height(np.array([[0.3, 1.08], [0.3, 0.95], [0.3, -0.95], [0.3, -1.08]]) * half, 0.95)
    canvas.capsules([(mirrors[0], mirrors[1], 0.06), (mirrors[2], mirrors[3], 0.06)], paint * 0.8, "car")
    glass = np.array(hsv(205, 0.2, rng.uniform(28, 70)))
    canvas.polygon(at_height(cabin, 0.93), glass, "car")
    low, top = at_height(cabin, 0.93), at_height(roof, high)
    for i in range(4):
        pane = np.array([low[i], low[(i + 1) % 4], top[(i + 1) % 4], top[i]])
        canvas.polygon(pane, glass * (1.0, 1.25, 1.0, 1.7)[i], "car")
        canvas.capsules([(low[i], top[i], 0.05)], paint * 0.85, "car")
    canvas.polygon(top, lacquer.shaded(1.08), "car")
    for x, color in ((0.93, (235, 235, 220)), (-0.95, (150, 25, 25))):
        lamps = at_height(np.array([[x, 0.72], [x, 0.5], [x, -0.5], [x, -0.72]]) * half, 0.8)
        canvas.capsules([(lamps[0], lamps[1], 0.06), (lamps[2], lamps[3], 0.06)], color, "car")


def bicycle(canvas: Canvas, rng: np.random.Generator, at: Vector) -> None:
    """Draws a bicycle, leaning on its kickstand or lying on the ground."""
    yaw = rng.uniform(0, 2 * np.pi)
    lean = rng.uniform(0.3, 0.6) if rng.random() < 0.5 else 1.45
    cos, sin = np.cos(lean), np.sin(lean)

    def stand(points: ArrayLike) -> Points:
        own = np.asarray(points, np.float64)
        return to_world(np.column_stack([own[:, 0], own[:, 2] * sin + own[:, 1], own[:, 2] * cos + 0.04]), at, yaw)

    turn = np.linspace(0, 2 * np.pi, 19)
    frame_color = hsv(rng.uniform(0, 360), rng.uniform(0, 0.75), rng.uniform(30, 210))
    wheels = []
    for x in (-0.52, 0.52):
        rim = stand(np.stack([x + 0.34 * np.cos(turn), 0 * turn, 0.36 + 0.34 * np.sin(turn)], 1))
        wheels += [(a, b, 0.028) for a, b in pairwise(rim)]
        disc = canvas.view.project(rim)
        patch = canvas.patch(disc)
        patch.polygon(disc, 60)
        canvas.paint(patch, (70, 70, 72), "bicycle", min_cover=40)
    hub_b, hub_f, crank, seat, head, bar, grip_l, grip_r, saddle = stand(
        [[-0.52, 0, 0.36], [0.52, 0, 0.36], [-0.05, 0, 0.33], [-0.2, 0, 0.85], [0.36, 0, 0.85],
         [0.33, 0, 1.02], [0.26, 0.3, 1.02], [0.26, -0.3, 1.02], [-0.3, 0, 0.93]]
    )  # fmt: skip
    frame = [(hub_b, crank, 0.025), (crank, seat, 0.03), (seat, head, 0.03), (crank, head, 0.03),
             (hub_f, bar, 0.025), (hub_b, seat, 0.02)]  # fmt: skip
    bars = [(bar, grip_l, 0.025), (bar, grip_r, 0.025)]
    canvas.shadow_capsules([*wheels, *frame, *bars])
    canvas.capsules(wheels, (32, 32, 34), "bicycle")
    canvas.capsules(frame, frame_color, "bicycle")
    canvas.capsules(bars, (45, 45, 48), "bicycle")
    canvas.capsules([(seat, saddle, 0.07), (seat, seat, 0.08)], (30, 28, 28), "bicycle")


def marker(canvas: Canvas, rng: np.random.Generator, at: Vector) -> None:
    """Draws an AR marker: a white plate with a black frame around a code of black and white cells."""
    side, yaw = rng.uniform(0.75, 1.15), rng.uniform(0, 2 * np.pi)
    cells = np.zeros((8, 8), np.uint8)
    cells[[0, -1]] = 230
    cells[:, [0, -1]] = 230
    cells[2:6, 2:6] = np.where(rng.random((4, 4)) < 0.5, 230, 22)
    cells[cells == 0] = 22
    plate = lift(rectangle(at, (side, side), yaw), 0.03)
    canvas.shadow(plate)
    pixels = canvas.view.project(plate)
    patch = canvas.patch(pixels)
    patch.polygon(pixels)
    code = cv2.resize(cells, None, fx=16, fy=16, interpolation=cv2.INTER_NEAREST)
    corners = np.array([[0, 0], [128, 0], [128, 128]], np.float32)
    target = (pixels[:3] - (patch.x0, patch.y0)).astype(np.float32)
    size = patch.cover.shape[::-1]
    gray = cv2.warpAffine(code, cv2.getAffineTransform(corners, target), (size[0], size[1]),
                          flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)  # fmt: skip
    canvas.paint(patch, np.repeat(gray[..., None], 3, axis=2), "ar-marker")


def rock(canvas: Canvas, rng: np.random.Generator, at: Vector, radius: float) -> None:
    """Draws a boulder: an irregular dome, lighter where it faces the sun."""
    angle = np.linspace(0, 2 * np.pi, 11, endpoint=False) + rng.uniform(-0.2, 0.2, 11)
    reach = radius * rng.uniform(0.72, 1.12, 11)
    base = np.asarray(at) + (reach * [np.cos(angle), np.sin(angle)]).T
    color, height = stone_color(rng, 85, 190), radius * rng.uniform(0.5, 0.9)
    peak = np.array([*(np.asarray(at) + rng.uniform(-0.2, 0.2, 2) * radius), height])
    canvas.shadow(np.vstack([lift(base, 0.0), peak]))
    layers = (Layer("grain", (1.3, 1.3), 30.0), Layer("clouds", (2.1, 2.1), 40.0))
    stone = Material(layers, ramp(color, 0.4, 1.5))
    for share, shift in ((1.0, 0.0), (0.62, 0.5)):
        shell = lift(peak[:2] * (1 - share) + base * share, height * (1 - share**2) ** 0.5)
        center = np.array([*peak[:2], height * (0.75 + 0.25 * shift)])
        for i in range(11):
            a, b = shell[i], shell[(i + 1) % 11]
            out = (a + b)[:2] / 2 - center[:2]
            out = out / max(float(np.hypot(*out)), 1e-9)
            light = canvas.sun.light_on((out[0] * 0.8, out[1] * 0.8), 0.35 + 0.4 * shift)
            canvas.polygon([a, b, center], stone.shaded(0.4 + 0.65 * light * rng.uniform(0.85, 1.15)), "rocks")
