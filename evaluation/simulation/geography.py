"""Where people live: sizes of the regions, of their départements, and local labour markets.

In: a region code. Out: shares and tightness. Sizes follow the published volumes of returns to work
by region (second quarter of 2022) and the census for the départements.
"""

from __future__ import annotations

import math

from evaluation.territories import REGIONS

RETURNS_TO_WORK: dict[str, tuple[float, float]] = {
    "01": (7.0, 8.0), "02": (6.0, 8.0), "03": (4.0, 7.5), "04": (13.0, 7.8), "06": (2.8, 7.0),
    "11": (167.5, 7.6), "24": (36.5, 9.5), "27": (36.1, 9.4), "28": (46.1, 9.5),
    "32": (88.8, 8.2), "44": (75.8, 8.7), "52": (57.1, 11.1), "53": (49.0, 11.1),
    "75": (97.6, 11.1), "76": (110.8, 9.8), "84": (122.3, 10.2), "93": (101.4, 10.7),
    "94": (8.6, 21.9),
}  # fmt: skip
"""Thousands of returns to work and quarterly rate in percent; overseas ones are orders of size."""

TIGHTNESS_ELASTICITY = 0.45
NATIONAL_RATE = 9.5

POPULATION: dict[str, int] = {
    "01": 664, "02": 522, "03": 335, "04": 166, "05": 140, "06": 1104, "07": 332, "08": 266,
    "09": 155, "10": 311, "11": 377, "12": 279, "13": 2056, "14": 701, "15": 144, "16": 351,
    "17": 661, "18": 299, "19": 240, "21": 536, "22": 606, "23": 115, "24": 413, "25": 548,
    "26": 521, "27": 599, "28": 431, "29": 921, "2A": 163, "2B": 187, "30": 756, "31": 1434,
    "32": 192, "33": 1654, "34": 1201, "35": 1099, "36": 217, "37": 613, "38": 1284, "39": 258,
    "40": 423, "41": 328, "42": 768, "43": 227, "44": 1457, "45": 684, "46": 175, "47": 331,
    "48": 77, "49": 823, "50": 495, "51": 563, "52": 169, "53": 306, "54": 731, "55": 181,
    "56": 769, "57": 1049, "58": 202, "59": 2611, "60": 830, "61": 277, "62": 1461, "63": 663,
    "64": 693, "65": 230, "66": 487, "67": 1153, "68": 767, "69": 1895, "70": 233, "71": 549,
    "72": 566, "73": 442, "74": 841, "75": 2133, "76": 1256, "77": 1438, "78": 1456, "79": 375,
    "80": 569, "81": 393, "82": 263, "83": 1096, "84": 564, "85": 695, "86": 440, "87": 372,
    "88": 360, "89": 334, "90": 139, "91": 1317, "92": 1635, "93": 1669, "94": 1416, "95": 1261,
    "971": 383, "972": 360, "973": 288, "974": 876, "976": 300,
}  # fmt: skip
"""Thousands of inhabitants."""

QPV_SHARE: dict[str, float] = {
    "11": 0.19, "32": 0.21, "93": 0.17, "53": 0.06, "52": 0.09, "75": 0.08, "94": 0.05,
    "01": 0.18, "02": 0.15, "03": 0.40, "04": 0.28, "06": 0.55,
}  # fmt: skip
FOREIGN_SHARE: dict[str, float] = {
    "11": 0.27, "93": 0.17, "53": 0.08, "52": 0.09, "28": 0.08, "03": 0.38, "06": 0.45,
    "01": 0.07, "02": 0.05, "04": 0.05,
}  # fmt: skip
RURAL_SHARE: dict[str, float] = {
    "11": 0.0, "32": 0.05, "93": 0.07, "94": 0.45, "75": 0.27, "76": 0.24, "84": 0.14,
    "01": 0.0, "02": 0.0, "03": 0.0, "04": 0.0, "06": 0.0,
}  # fmt: skip
DEFAULT_SHARES = {"qpv": 0.13, "foreign": 0.13, "rural": 0.18}


def region_share(code: str) -> float:
    """Return the share of a region in the national volume (sums to one over the 18)."""
    return RETURNS_TO_WORK[code][0] / math.fsum(volume for volume, _ in RETURNS_TO_WORK.values())


def tightness(code: str) -> float:
    """Return the log-hazard of hires of a region against the nation."""
    return TIGHTNESS_ELASTICITY * math.log(RETURNS_TO_WORK[code][1] / NATIONAL_RATE)


def department_shares(code: str) -> list[float]:
    """Return the share of each département of a region, in the order of the territories room."""
    sizes = [POPULATION[department] for department in REGIONS[code].departments]
    return [size / sum(sizes) for size in sizes]


def zones(code: str) -> list[tuple[int, str]]:
    """Return (position of the département, employment zone code) for every zone of a region."""
    found: list[tuple[int, str]] = []
    for position, department in enumerate(REGIONS[code].departments):
        for _ in range(max(1, min(6, round(POPULATION[department] / 180)))):
            found.append((position, f"{code}{len(found) + 1:02d}"))
    return found
