"""Official codes: 18 regions, 101 départements, and the traps between them."""

from __future__ import annotations

import pytest

from evaluation.errors import EvaluationError
from evaluation.territories import DEPARTMENTS, REGION_OF, REGIONS, slugify, territory


def test_every_department_lies_in_one_region() -> None:
    assert len(REGIONS) == 18
    assert len(DEPARTMENTS) == 101
    assert set(REGION_OF) == set(DEPARTMENTS)
    assert sum(len(region.departments) for region in REGIONS.values()) == 101


def test_neighbours_are_mutual_and_tiles_distinct() -> None:
    for region in REGIONS.values():
        assert all(region.code in REGIONS[other].neighbours for other in region.neighbours)
    assert len({region.tile for region in REGIONS.values()}) == 18


def test_region_and_department_of_one_code_never_share_a_name() -> None:
    assert territory(region="52").key == "52"
    assert territory(department="52").key == "dep-52"
    assert territory(department="52").name == "Haute-Marne"
    assert territory(region="52").name == "Pays de la Loire"


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        ({"region": 1}, "EVAL-111", "-r region"),
        ({"region": "1"}, "EVAL-112", "01"),
        ({}, "EVAL-110", "region"),
        ({"region": "24", "department": "52"}, "EVAL-110", "region"),
        ({"department": "20"}, "EVAL-112", "2A"),
    ],
)
def test_a_wrong_territory_is_refused_with_its_remedy(
    arguments: dict[str, object], code: str, word: str
) -> None:
    with pytest.raises(EvaluationError) as caught:
        territory(**arguments)
    assert caught.value.code == code
    assert word in str(caught.value)


def test_slugs_are_ascii() -> None:
    assert slugify("Île-de-France") == "ile-de-france"
    assert slugify("Provence-Alpes-Côte d’Azur") == "provence-alpes-cote-d-azur"
    assert slugify("La Réunion") == "la-reunion"
