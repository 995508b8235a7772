"""Query parameters (DSP0266 7.3), rule by rule."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from odimra.redfish.query import LARGEST, Query, QueryOptions
from odimra.redfish.resource import Call, Collection, Kept, Listed, Resource
from tests.redfish.conftest import Answer, Desk, Open
from tests.redfish.shop import SESSIONS, SYSTEMS, UPDATE

ONE = f"{SYSTEMS}/s1"
MANAGERS = "/redfish/v1/Managers"
FILTER = "$filter=" + quote("PowerState eq 'On'")


async def all_pages(desk: Desk, uri: str) -> list[Answer]:
    """Follow nextLink to the end."""
    pages = [await desk.get(uri)]
    while (following := pages[-1].body.get("Members@odata.nextLink")) is not None:
        assert pages[-1].status == 200
        pages.append(await desk.get(following))
        assert len(pages) < 100
    return pages


def shown(pages: list[Answer]) -> list[str]:
    return [member for page in pages for member in page.members]


# Which parameters are taken


@pytest.mark.parametrize("query", ["x=1", "rpvunknown", "excerpt", "only2", "a=b&c=d"])
async def test_unknown_parameters_without_a_dollar_are_ignored(desk: Desk, query: str) -> None:
    assert (await desk.get(f"{ONE}?{query}")).raw == (await desk.get(ONE)).raw


@pytest.mark.parametrize("query", ["$rpvunknown", "$orderby=Id", "$count=true", "%24search=x"])
@pytest.mark.parametrize("uri", [ONE, SYSTEMS, "/redfish/v1/"])
async def test_unknown_parameters_with_a_dollar_are_501(desk: Desk, uri: str, query: str) -> None:
    answer = await desk.get(f"{uri}?{query}")
    assert (answer.status, answer.keys) == (501, ["QueryParameterUnsupported"])


@pytest.mark.parametrize("query", ["$top=1", "$select=Id", "only", "$unknown", "$expand=."])
@pytest.mark.parametrize(
    ("method", "uri"), [("PATCH", ONE), ("POST", f"/redfish/v1/UpdateService/Actions/{UPDATE}")]
)
async def test_queries_go_with_get_only(desk: Desk, method: str, uri: str, query: str) -> None:
    answer = await desk.ask(method, f"{uri}?{query}", {"AssetTag": "x"})
    assert (answer.status, answer.keys) == (400, ["QueryNotSupportedOnOperation"])
    assert desk.shop.systems["s1"]["AssetTag"] is None


async def test_parameters_that_are_ignored_go_with_every_method(desk: Desk) -> None:
    assert (await desk.patch(f"{ONE}?x=1", {"AssetTag": "x"})).status == 200


@pytest.mark.parametrize("query", ["$top=1", "$skip=1", FILTER, "only", f"$top=1&{FILTER}"])
@pytest.mark.parametrize("uri", [ONE, "/redfish/v1/Chassis/c1"])
async def test_what_is_for_collections_is_400_on_a_single_resource(
    desk: Desk, uri: str, query: str
) -> None:
    answer = await desk.get(f"{uri}?{query}")
    assert (answer.status, answer.keys) == (400, ["QueryNotSupportedOnResource"])


@pytest.mark.parametrize(
    ("query", "key"),
    [
        ("$top=x", "QueryParameterValueTypeError"),
        ("$top=", "QueryParameterValueTypeError"),
        ("$top=1.5", "QueryParameterValueTypeError"),
        ("$top=%D9%A3", "QueryParameterValueTypeError"),
        ("$top=-1", "QueryParameterOutOfRange"),
        (f"$skip={LARGEST + 1}", "QueryParameterOutOfRange"),
        ("$skip=" + "9" * 400, "QueryParameterOutOfRange"),
        ("$expand=", "QueryParameterValueFormatError"),
        ("$expand=x", "QueryParameterValueFormatError"),
        ("$expand=*($levels=x)", "QueryParameterValueFormatError"),
        ("$expand=*($levels=0)", "QueryParameterOutOfRange"),
        ("$expand=*($levels=7)", "QueryParameterOutOfRange"),
        ("$expand=*($levels=99999999)", "QueryParameterOutOfRange"),
        ("$select=", "QueryParameterValueFormatError"),
        ("$select=Id,,Name", "QueryParameterValueFormatError"),
        ("$select=a/", "QueryParameterValueFormatError"),
        ("$select=" + ",".join(["Id"] * 101), "QueryParameterValueFormatError"),
        ("$filter=", "QueryParameterValueFormatError"),
        ("$filter=Id%20eq", "QueryParameterValueFormatError"),
        ("$filter=" + "(" * 3000, "QueryParameterValueFormatError"),
        ("$skiptoken=1.1", "QueryParameterValueFormatError"),
        (f"$skiptoken=x&{FILTER}", "QueryParameterValueFormatError"),
        ("only=foo", "QueryParameterValueFormatError"),
        ("only&$top=1", "QueryCombinationInvalid"),
        (f"only&{FILTER}", "QueryCombinationInvalid"),
        ("only&$expand=.", "QueryCombinationInvalid"),
        ("$top=1&$top=2", "QueryCombinationInvalid"),
    ],
)
async def test_a_value_that_cannot_be_is_400(desk: Desk, query: str, key: str) -> None:
    answer = await desk.get(f"{SYSTEMS}?{query}")
    assert (answer.status, answer.keys) == (400, [key])
    assert len(answer.raw) < 2000


# $skip, $top, pages


@pytest.mark.parametrize(
    ("query", "members"),
    [
        ("$top=2", ["s0", "s1"]),
        ("$skip=1", ["s1", "s2"]),
        ("$skip=1&$top=1", ["s1"]),
        ("$top=1&$skip=1", ["s1"]),
        ("$top=0", []),
        ("$skip=3", []),
        (f"$skip={LARGEST}", []),
        ("$top=100", ["s0", "s1", "s2"]),
    ],
)
async def test_skip_and_top(desk: Desk, query: str, members: list[str]) -> None:
    answer = await desk.get(f"{SYSTEMS}?{query}")
    assert answer.members == members
    # The count is of the collection, not of the page.
    assert answer.body["Members@odata.count"] == 3
    # Who asks for so many gets so many: there is no next page of more.
    assert "Members@odata.nextLink" not in answer.body


@pytest.mark.parametrize("top", [None, 1, 2, 3, 5, 7, 100])
@pytest.mark.parametrize("skip", [None, 0, 1, 6])
async def test_pages_hold_every_member_once(open_desk: Open, skip: int | None, top: int) -> None:
    desk = await open_desk(query=QueryOptions(page_size=2))
    desk.shop.fill(7)
    query = [f"$skip={skip}"] * (skip is not None) + [f"$top={top}"] * (top is not None)
    pages = await all_pages(desk, f"{SYSTEMS}?{'&'.join(query)}")
    everything = [f"s{number}" for number in range(7)]
    first = skip or 0
    assert shown(pages) == everything[first : 7 if top is None else first + top]
    assert {page.body["Members@odata.count"] for page in pages} == {7}
    assert all(len(page.members) <= 2 for page in pages)


async def test_a_collection_says_what_it_is(desk: Desk) -> None:
    answer = await desk.get(SYSTEMS)
    assert answer.body == {
        "@odata.id": SYSTEMS,
        "@odata.type": "#ComputerSystemCollection.ComputerSystemCollection",
        "@odata.context": (
            "/redfish/v1/$metadata#ComputerSystemCollection.ComputerSystemCollection"
        ),
        "Name": "Systems",
        "Description": "all",
        "Members@odata.count": 3,
        "Members": [{"@odata.id": f"{SYSTEMS}/s{number}"} for number in range(3)],
    }


async def test_a_collection_that_keeps_its_pages_rendered_is_asked_for_plain_ones_only(
    open_desk: Open,
) -> None:
    asked = []

    async def get(call: Call) -> Collection:
        async def render(skip: int, top: int, query: Query) -> Kept:
            asked.append((skip, top, query.top))
            return Kept("index", (skip, top), b'{"Members":[]}')

        uri, kind = "/redfish/v1/Kept", "TaskCollection.TaskCollection"
        return Collection(uri, kind, "Kept", Listed([ONE]), render=render)

    desk = await open_desk(more=[Resource("/redfish/v1/Kept", "TaskCollection", get=get)])
    assert (await desk.get("/redfish/v1/Kept")).raw == b'{"Members":[]}'
    await desk.get("/redfish/v1/Kept?$skip=5&$top=2")
    assert asked == [(0, 1000, None), (5, 2, 2)]
    for query in ("$expand=.", "$select=Members", FILTER):
        assert (await desk.get(f"/redfish/v1/Kept?{query}")).members == ["s1"]
    assert len(asked) == 2


# only


async def test_only_shows_the_one_member(desk: Desk) -> None:
    only, member = await desk.get(f"{MANAGERS}?only"), await desk.get(f"{MANAGERS}/m1")
    assert only.status == 200
    assert only.body == member.body


@pytest.mark.parametrize("uri", [SYSTEMS, SESSIONS])
async def test_only_shows_the_collection_when_there_is_not_one(desk: Desk, uri: str) -> None:
    assert (await desk.get(f"{uri}?only")).body == (await desk.get(uri)).body


async def test_only_shows_all_pages_of_a_collection_that_is_long(open_desk: Open) -> None:
    desk = await open_desk(query=QueryOptions(page_size=2))
    assert shown(await all_pages(desk, f"{SYSTEMS}?only")) == ["s0", "s1", "s2"]


# $select


@pytest.mark.parametrize(
    ("query", "properties"),
    [
        ("Name", {"Name": "System s1"}),
        ("Name,Number", {"Name": "System s1", "Number": 1}),
        ("Status/Health", {"Status": {"Health": "Critical"}}),
        ("Status/Health,Status", {"Status": {"Health": "Critical", "State": "Enabled"}}),
        ("Status,Status/Health", {"Status": {"Health": "Critical", "State": "Enabled"}}),
        ("Name/Deeper", {"Name": "System s1"}),
        ("Nothing", {}),
        (
            "Links/Chassis",
            {
                "Links": {
                    "Chassis": [{"@odata.id": "/redfish/v1/Chassis/c1"}],
                    "Chassis@odata.count": 1,
                }
            },
        ),
    ],
)
async def test_select(desk: Desk, query: str, properties: dict[str, Any]) -> None:
    answer = await desk.get(f"{ONE}?$select={query}")
    assert answer.body == {
        "@odata.id": ONE,
        "@odata.type": "#ComputerSystem.v1_27_0.ComputerSystem",
        "@odata.etag": '"1"',
        **properties,
    }
    assert answer.headers["ETag"] == '"1"'


async def test_select_of_a_kept_rendering(desk: Desk) -> None:
    answer = await desk.get("/redfish/v1/Chassis/c1?$select=Id")
    assert set(answer.body) == {"@odata.id", "@odata.type", "@odata.etag", "Id"}


async def test_select_of_a_collection(desk: Desk) -> None:
    answer = await desk.get(f"{SYSTEMS}?$select=Name")
    assert "Members" not in answer.body
    assert answer.body["Name"] == "Systems"
    members = await desk.get(f"{SYSTEMS}?$select=Members")
    assert members.body["Members@odata.count"] == 3
    assert "Name" not in members.body


@pytest.mark.parametrize("query", ["$select=Number", "$select=Members/Number"])
async def test_select_of_expanded_members(desk: Desk, query: str) -> None:
    answer = await desk.get(f"{SYSTEMS}?$expand=.&{query}")
    assert answer.body["Members@odata.count"] == 3
    for number, member in enumerate(answer.body["Members"]):
        assert member["Number"] == number
        assert set(member) == {"@odata.id", "@odata.type", "@odata.etag", "Number"}


# $expand


async def test_expand_of_a_collection_shows_its_members(desk: Desk) -> None:
    answer = await desk.get(f"{SYSTEMS}?$expand=.")
    whole = [(await desk.get(f"{SYSTEMS}/s{number}")).body for number in range(3)]
    assert answer.body["Members"] == whole
    assert answer.body["Members@odata.count"] == 3


@pytest.mark.parametrize(
    ("what", "processors", "chassis"),
    [("*", True, True), (".", True, False), ("~", False, True)],
)
@pytest.mark.parametrize("levels", ["", "($levels=1)"])
async def test_expand_star_dot_and_tilde(
    desk: Desk, what: str, levels: str, processors: bool, chassis: bool
) -> None:
    answer = await desk.get(f"{ONE}?$expand={what}{levels}")
    assert answer.status == 200
    assert ("Members" in answer.body["Processors"]) is processors
    assert ("Name" in answer.body["Links"]["Chassis"][0]) is chassis
    if processors:
        # One level: what the expanded resource links to stays a link.
        assert all(set(one) == {"@odata.id"} for one in answer.body["Processors"]["Members"])


async def test_expand_of_several_levels(desk: Desk) -> None:
    two = await desk.get(f"{ONE}?$expand=.($levels=2)")
    assert [one["Name"] for one in two.body["Processors"]["Members"]] == ["Processor"] * 2
    collection = await desk.get(f"{SYSTEMS}?$expand=.($levels=3)")
    assert collection.body["Members"][0]["Processors"]["Members"][0]["Id"] == "1"


async def test_tilde_shows_no_members_in_full(desk: Desk) -> None:
    answer = await desk.get(f"{SYSTEMS}?$expand=~")
    assert answer.body["Members"] == (await desk.get(SYSTEMS)).body["Members"]


async def test_an_expanded_answer_has_no_etag_since_it_is_many_resources(desk: Desk) -> None:
    answer = await desk.get(f"{ONE}?$expand=.", If_None_Match='"1"')
    assert answer.status == 200
    assert "ETag" not in answer.headers
    assert answer.body["@odata.etag"] == '"1"'


async def test_what_the_caller_may_not_read_stays_a_link(desk: Desk) -> None:
    desk.shop.systems["s1"]["Secret"] = True
    members = (await desk.get(f"{SYSTEMS}?$expand=.", user="reader")).body["Members"]
    assert [len(member) == 1 for member in members] == [False, True, False]
    everything = (await desk.get(f"{SYSTEMS}?$expand=.", user="admin")).body["Members"]
    assert all(len(member) > 1 for member in everything)


async def test_nobody_sees_nothing_through_the_root(desk: Desk) -> None:
    for user in (None, "gone"):
        answer = await desk.get("/redfish/v1/?$expand=*", user=user)
        assert answer.body["Systems"] == {"@odata.id": SYSTEMS}
    known = await desk.get("/redfish/v1/?$expand=.", user="reader")
    assert known.body["Systems"]["Members@odata.count"] == 3
    assert known.body["Links"]["Sessions"] == {"@odata.id": SESSIONS}
    links = await desk.get("/redfish/v1/?$expand=~", user="reader")
    assert links.body["Links"]["Sessions"]["Name"] == "Sessions"
    assert links.body["Systems"] == {"@odata.id": SYSTEMS}


async def test_a_member_that_has_gone_stays_a_link(desk: Desk) -> None:
    desk.shop.gone = ["s9"]
    answer = await desk.get(f"{SYSTEMS}?$expand=.")
    assert answer.status == 200
    assert answer.body["Members"][3] == {"@odata.id": f"{SYSTEMS}/s9"}
    assert (await desk.get(f"{SYSTEMS}?$filter=Id%20ne%20%27x%27")).members == ["s0", "s1", "s2"]


async def test_an_expansion_that_would_be_too_big_is_507(open_desk: Open) -> None:
    desk = await open_desk(query=QueryOptions(max_expand=3))
    answer = await desk.get(f"{SYSTEMS}?$expand=*($levels=2)")
    assert (answer.status, answer.keys) == (507, ["InsufficientStorage"])


async def test_pages_of_expanded_members_are_as_long_as_may_be_shown(open_desk: Open) -> None:
    desk = await open_desk(query=QueryOptions(max_expand=2))
    desk.shop.fill(5)
    pages = await all_pages(desk, f"{SYSTEMS}?$expand=.&$select=Number")
    assert [len(page.members) for page in pages] == [2, 2, 1]
    numbers = [member["Number"] for page in pages for member in page.body["Members"]]
    assert numbers == [0, 1, 2, 3, 4]


# $filter


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("Id eq 's1'", ["s1"]),
        ("not (Id eq 's1')", ["s0", "s2"]),
        ("Id eq 's0' or Id eq 's2'", ["s0", "s2"]),
        ("Status/Health eq 'OK' and PowerState eq 'On'", ["s2"]),
        ("Number ge 1", ["s1", "s2"]),
        ("Missing eq 'x'", []),
        ("LocationIndicatorActive", ["s0", "s2"]),
    ],
)
async def test_filter(desk: Desk, text: str, members: list[str]) -> None:
    answer = await desk.get(f"{SYSTEMS}?$filter={quote(text)}")
    assert answer.members == members
    assert answer.body["Members@odata.count"] == len(members)


async def test_filter_comes_before_skip_and_top(desk: Desk) -> None:
    desk.shop.fill(10)
    answer = await desk.get(f"{SYSTEMS}?$skip=1&$top=2&{FILTER}")
    assert answer.members == ["s2", "s4"]
    assert answer.body["Members@odata.count"] == 6


async def test_filter_sees_only_what_the_caller_may_read(desk: Desk) -> None:
    desk.shop.systems["s1"]["Secret"] = True
    assert (await desk.get(f"{SYSTEMS}?{FILTER}", user="reader")).members == ["s2"]


async def test_filter_with_expand_and_select(desk: Desk) -> None:
    answer = await desk.get(f"{SYSTEMS}?{FILTER}&$expand=.&$select=Number")
    assert [member["Number"] for member in answer.body["Members"]] == [1, 2]
    # What was looked at is not read again to be shown.
    assert desk.shop.fetched == 3


@pytest.mark.parametrize("scan", [1, 3, 7, 20, 100])
@pytest.mark.parametrize("size", [2, 5, 100])
@pytest.mark.parametrize("bounds", ["", "&$skip=3", "&$top=4", "&$skip=1&$top=5", "&$top=0"])
async def test_a_long_collection_is_filtered_in_pages_and_nothing_is_left_out(
    open_desk: Open, scan: int, size: int, bounds: str
) -> None:
    desk = await open_desk(query=QueryOptions(page_size=size, max_filter_scan=scan))
    desk.shop.fill(20)
    matching = [name for name, one in desk.shop.systems.items() if one["PowerState"] == "On"]
    pages = await all_pages(desk, f"{SYSTEMS}?{FILTER}{bounds}")
    wanted = dict(part.split("=") for part in bounds.strip("&").split("&") if part)
    first = int(wanted.get("$skip", 0))
    last = first + int(wanted["$top"]) if "$top" in wanted else len(matching)
    assert shown(pages) == matching[first:last]
    counts = [page.body["Members@odata.count"] for page in pages]
    if scan >= 20:
        assert set(counts) == {len(matching)}
    else:
        assert counts == sorted(counts)  # of those known so far
        if "$top" not in wanted:
            assert counts[-1] == len(matching)


async def test_no_request_looks_at_more_members_than_it_may(open_desk: Open) -> None:
    desk = await open_desk(query=QueryOptions(max_filter_scan=5))
    desk.shop.fill(50)
    answer = await desk.get(f"{SYSTEMS}?$filter={quote('Number eq 49')}")
    assert answer.members == []
    assert desk.shop.fetched == 5
    assert "Members@odata.nextLink" in answer.body


# What the root says of all that


async def test_the_root_tells_what_is_supported_and_all_of_it_is(open_desk: Open) -> None:
    desk = await open_desk(query=QueryOptions(max_levels=2))
    features = (await desk.get("/redfish/v1/", user=None)).body["ProtocolFeaturesSupported"]
    examples = {
        "FilterQuery": f"{SYSTEMS}?{FILTER}",
        "FilterQueryComparisonOperations": f"{SYSTEMS}?$filter={quote('Number gt 1')}",
        "FilterQueryCompoundOperations": f"{SYSTEMS}?$filter={quote('(Id eq 1) and Id eq 2')}",
        "TopSkipQuery": f"{SYSTEMS}?$top=1&$skip=1",
        "SelectQuery": f"{ONE}?$select=Id",
        "OnlyMemberQuery": f"{MANAGERS}?only",
    }
    for name, uri in examples.items():
        assert features[name] is True
        assert (await desk.get(uri)).status == 200, uri
    expand = features["ExpandQuery"]
    levels = expand.pop("MaxLevels")
    assert expand == {"ExpandAll": True, "Levels": True, "Links": True, "NoLinks": True}
    assert (await desk.get(f"{ONE}?$expand=*($levels={levels})")).status == 200
    assert (await desk.get(f"{ONE}?$expand=*($levels={levels + 1})")).status == 400
    assert features["ExcerptQuery"] is False
    assert features["DeepOperations"] == {"DeepPATCH": False, "DeepPOST": False}
