"""UpdateService over HTTP: the firmware inventory and SimpleUpdate."""

from __future__ import annotations

import pytest

from tests.emulation.desk import MakeDesk

SERVICE = "/redfish/v1/UpdateService"
UPDATE = f"{SERVICE}/Actions/UpdateService.SimpleUpdate"
BIOS = f"{SERVICE}/FirmwareInventory/node-{{}}.BIOS"
IMAGE = "http://images/bios-9.9.1.bin"


async def test_three_targets_are_three_subtasks_and_one_that_fails_keeps_its_version(
    desk: MakeDesk,
) -> None:
    on = await desk('rules: [{target: "*/node-2.BIOS", play: {end: Exception}}]')
    targets = [BIOS.format(number) for number in (1, 2, 3)]
    etag = await on.etag(targets[0])
    task = await on.started(UPDATE, {"ImageURI": IMAGE, "Targets": targets})
    assert task.children == 3
    assert [(await on.get(uri))["Version"] for uri in targets] == ["2.1.0"] * 3
    done = await on.stage.run(task)
    assert (done.task_state, done.children_failed) == ("Exception", 1)
    assert [(await on.get(uri))["Version"] for uri in targets] == ["9.9.1", "2.1.0", "9.9.1"]
    assert (await on.get("/redfish/v1/Systems/node-1"))["BiosVersion"] == "9.9.1"
    assert await on.etag(targets[0]) != etag


async def test_the_credentials_of_an_image_are_nowhere_in_the_store(desk: MakeDesk) -> None:
    on = await desk()
    task = await on.started(
        UPDATE,
        {
            "ImageURI": "https://joe:hunter2@images/bios-9.9.1.bin",
            "TransferProtocol": "HTTPS",
            "Username": "joe",
            "Password": "hunter2",
            "Targets": [BIOS.format(1)],
            "@Redfish.OperationApplyTime": "Immediate",
        },
    )
    await on.stage.run(task)
    ids = [task.id, *await on.stage.tasks.page(on.stage.tasks.index(parent=task.id), 0, 9)]
    assert len(ids) == 2
    for one in ids:
        dump = repr(await on.stage.store.call("HGETALL", on.stage.store.keys.task(one)))
        assert "hunter2" not in dump
    assert (await on.stage.get(task.id)).payload is not None


@pytest.mark.parametrize(
    ("body", "message", "name"),
    [
        ({}, "ActionParameterMissing", "ImageURI"),
        ({"ImageURI": 5}, "ActionParameterValueTypeError", "ImageURI"),
        ({"ImageURI": "http://host/"}, "ActionParameterValueError", "ImageURI"),
        ({"ImageURI": IMAGE, "Targets": "x"}, "ActionParameterValueTypeError", "Targets"),
        (
            {"ImageURI": IMAGE, "Targets": [BIOS.format(1), BIOS.format(99)]},
            "ActionParameterValueNotInList",
            "Targets/1",
        ),
        ({"ImageURI": IMAGE, "Targets": [7]}, "ActionParameterValueTypeError", "Targets/0"),
        (
            {"ImageURI": IMAGE, "TransferProtocol": "PIGEON"},
            "ActionParameterValueNotInList",
            "TransferProtocol",
        ),
        (
            {"ImageURI": IMAGE, "@Redfish.OperationApplyTime": "OnReset"},
            "ActionParameterValueNotInList",
            "@Redfish.OperationApplyTime",
        ),
        ({"ImageURI": IMAGE, "ForceUpdate": True}, "ActionParameterUnknown", "ForceUpdate"),
    ],
)
async def test_a_bad_update_names_its_parameter_and_starts_nothing(
    desk: MakeDesk, body: dict[str, object], message: str, name: str
) -> None:
    on = await desk()
    assert message in await on.refused("POST", UPDATE, body, status=400, names=name)
    assert await on.count_tasks() == 0


async def test_more_components_than_one_update_may_have_are_refused(desk: MakeDesk) -> None:
    on = await desk(max_targets=2)
    said = await on.refused("POST", UPDATE, {"ImageURI": IMAGE}, status=400, names="Targets")
    assert said == ["ActionParameterValueError"]


async def test_the_action_info_says_what_the_schema_takes(desk: MakeDesk) -> None:
    on = await desk()
    action = (await on.get(SERVICE))["Actions"]["#UpdateService.SimpleUpdate"]
    parameters = {
        one["Name"]: one for one in (await on.get(action["@Redfish.ActionInfo"]))["Parameters"]
    }
    assert [name for name, one in parameters.items() if one["Required"]] == ["ImageURI"]
    for protocol in parameters["TransferProtocol"]["AllowableValues"]:
        await on.started(
            action["target"],
            {"ImageURI": IMAGE, "TransferProtocol": protocol, "Targets": [BIOS.format(1)]},
        )
