"""What is assigned to objects, and what follows from that and from their activation."""

from __future__ import annotations

from typing import Any

import pytest

from tests.jobs.bulk.yard import TYPE, Yard, action, pipeline, search, typed

MEMBER = {"oid": "r1", "type": "RoleType"}
DISABLED = {"administrativeStatus": "disabled", "effectiveStatus": "disabled"}
pytestmark = pytest.mark.usefixtures("people")


# enable, disable, recompute


async def test_what_is_no_container_is_replaced_by_one(yard: Yard) -> None:
    await yard.records.update(TYPE, "a", {"name": "ann", "activation": "x"}, None)
    await yard.run(pipeline(search(), action("disable")))
    assert (await yard.content("a"))["activation"] == DISABLED


EARLY, LATE = "2001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("activation", "status"),
    [
        ({}, "enabled"),
        ({"administrativeStatus": "enabled"}, "enabled"),
        ({"administrativeStatus": "disabled"}, "disabled"),
        ({"administrativeStatus": "archived"}, "archived"),
        ({"administrativeStatus": ["x"]}, "enabled"),
        ({"validFrom": LATE}, "disabled"),
        ({"validFrom": EARLY}, "enabled"),
        ({"validTo": EARLY}, "disabled"),
        ({"validTo": LATE}, "enabled"),
        ({"validFrom": EARLY, "validTo": LATE}, "enabled"),
        ({"validTo": "2001-01-01"}, "disabled"),
        ({"validTo": "0001-01-01T00:00:00+14:00"}, "disabled"),
        ({"validTo": "never"}, "enabled"),
        ({"validTo": 5}, "enabled"),
        ({"administrativeStatus": "enabled", "validTo": EARLY}, "enabled"),
        ({"administrativeStatus": "disabled", "validFrom": EARLY}, "disabled"),
    ],
)
async def test_the_effective_status_follows_from_the_rest(
    yard: Yard, activation: Any, status: str
) -> None:
    await yard.records.update(TYPE, "a", {"name": "ann", "activation": activation}, None)
    await yard.run(pipeline(search(), action("recompute")))
    assert (await yard.content("a"))["activation"] == {**activation, "effectiveStatus": status}


async def test_memberships_follow_from_assignments(yard: Yard) -> None:
    owner = {"oid": "r1", "relation": "owner"}
    content = {
        "name": "ann",
        "assignment": [{"targetRef": MEMBER}, {"targetRef": {**MEMBER, "description": "d"}},
                       {"targetRef": owner}, {"construction": {}}, "x", {"targetRef": "y"}],
    }  # fmt: skip
    await yard.records.update(TYPE, "a", content, None)
    await yard.run(pipeline(search(), action("recompute")))
    assert (await yard.content("a"))["roleMembershipRef"] == [MEMBER, owner]


async def test_what_is_up_to_date_is_not_written(yard: Yard) -> None:
    await yard.run(pipeline(search(), action("recompute")))
    before = await yard.records.read(TYPE, "a")
    output = await yard.run(pipeline(search(), action("recompute", triggered=False)))
    assert output.console == "Recomputed user:a(ann)\n"
    assert await yard.records.read(TYPE, "a") == before


# assign, unassign


async def test_what_is_assigned_already_is_not_assigned_again(yard: Yard) -> None:
    await yard.run(pipeline(search(), action("assign", role=["r1", "r2", "r2"])))
    assert [one["targetRef"]["oid"] for one in (await yard.content("a"))["assignment"]] == [
        "r1",
        "r2",
    ]


async def test_resources_are_assigned_as_constructions(yard: Yard) -> None:
    await yard.run(pipeline(search(), action("assign", resource="db")))
    reference = {"oid": "db", "type": "ResourceType"}
    assert (await yard.content("a"))["assignment"][1] == {
        "id": 2,
        "construction": {"resourceRef": reference},
    }
    await yard.run(pipeline(search(), typed("unassign", resourceRef={"oid": "db"})))
    assert len((await yard.content("a"))["assignment"]) == 1


@pytest.mark.parametrize("parameters", [{"role": "none"}, {"resource": "none"}])
@pytest.mark.parametrize("dry", [True, False])
async def test_what_is_assigned_has_to_be_there(yard: Yard, parameters: Any, dry: bool) -> None:
    output = await yard.run(pipeline(search(), action("assign", **parameters, dryRun=dry)))
    assert (output.result["status"], output.http_status) == ("fatal_error", 404)
    assert output.console.startswith("Failed to assign to user:a(ann) (error: ")


async def test_a_relation_is_assigned_and_unassigned_on_its_own(yard: Yard) -> None:
    await yard.run(pipeline(search(), action("assign", role="r1", relation="org:owner")))
    await yard.run(pipeline(search(), action("unassign", role="r1")))
    assert (await yard.content("a"))["assignment"] == [
        {"id": 2, "targetRef": {"oid": "r1", "type": "RoleType", "relation": "owner"}}
    ]
    await yard.run(pipeline(search(), action("unassign", role="r1", relation="owner")))
    assert "assignment" not in await yard.content("a")


async def test_assignments_are_unassigned_by_a_filter(yard: Yard) -> None:
    await yard.run(pipeline(search(), action("assign", role="r2", resource="db")))
    found = {"text": 'targetRef matches (oid = "r2")'}
    await yard.run(pipeline(search(), action("unassign", filter=found)))
    left = (await yard.content("a"))["assignment"]
    assert [one["id"] for one in left] == [1, 3]
    await yard.run(pipeline(search(), action("unassign", filter={"all": {}})))
    assert "assignment" not in await yard.content("a")


async def test_assignments_that_contradict_each_other_are_no_reason_to_fall(yard: Yard) -> None:
    broken = {"name": "ann", "assignment": [{"id": 1, "a": 1}, {"id": 1, "a": 2}]}
    await yard.records.update(TYPE, "a", broken, None)
    output = await yard.run(pipeline(search(), action("assign", role="r2")))
    assert output.result["status"] == "success"
    assert [one["id"] for one in (await yard.content("a"))["assignment"]] == [1, 1, 2]


async def test_what_others_may_not_be_assigned_to(yard: Yard) -> None:
    output = await yard.run(pipeline(search("ComputerSystemType"), action("assign", role="r1")))
    assert output.http_status == 400
    assert "a ComputerSystemType cannot be assigned anything" in output.result["message"]
