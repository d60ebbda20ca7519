"""Trajectories survive the disk unchanged, and every kind of broken file is told in one sentence."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import story
from PIL import Image
from pydantic import ValidationError

from mini_model.errors import KitError
from mini_model.trajectory import Cost, Plan, Reflection, Step, Trajectory, load_many, save_many

STORIES = [story.direct, story.one_step, story.three_steps]


@pytest.fixture
def saved(tmp_path) -> Path:
    """The folder of a saved trajectory with three steps."""
    story.three_steps().save(tmp_path / "one")
    return tmp_path / "one"


def rewrite(folder: Path, change) -> None:
    """Change the JSON of a saved trajectory in place."""
    path = folder / "trajectory.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


@pytest.mark.parametrize("tell", STORIES)
def test_round_trip_is_exact(tell, tmp_path):
    trajectory = tell()
    path = trajectory.save(tmp_path / "one")
    assert path == tmp_path / "one" / "trajectory.json"
    assert Trajectory.load(tmp_path / "one") == trajectory
    assert Trajectory.load(path) == trajectory
    again = Trajectory.load(path).save(tmp_path / "two")
    assert again.read_bytes() == path.read_bytes()


def test_every_field_comes_back(tmp_path):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 32, 3), dtype=np.uint8))
    step = Step(
        plan=Plan(instruction="i\nj", description="“d” é 漢字"),
        draft=picture,
        reflection=Reflection(verdict="wrong", text="<b>&", refine="r"),
        refinement=picture.rotate(180),
        after=Reflection(verdict="none"),
    )
    trajectory = Trajectory(
        prompt="p",
        spec={"tag": "counting", "include": [{"class": "cup", "count": 3}], "exclude": []},
        steps=[step],
        final=picture,
        strategy="best-of-n",
        seed=2**40,
        cost=Cost(denoising_steps=1, forwards=2, tokens=3, text_tokens=4, seconds=0.1 + 0.2),
        provenance={"commit": None, "numbers": [1, 2.5]},
        closing="c",
        bounded=True,
    )
    loaded = Trajectory.load(trajectory.save(tmp_path))
    assert loaded == trajectory
    assert loaded.steps[0].refinement.tobytes() == picture.rotate(180).tobytes()


def test_json_is_made_for_reading(saved):
    text = (saved / "trajectory.json").read_text()
    record = json.loads(text)
    assert record["schema"] == 1
    assert text == json.dumps(record, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
    assert record["steps"][1]["refinement"] == "step-2-refinement.png"
    assert record["steps"][0]["refinement"] is None


def test_pictures_are_labelled_in_order():
    labels = [label for label, _ in story.three_steps().pictures()]
    assert labels == ["step-1-draft", "step-2-draft", "step-2-refinement", "step-3-draft", "final"]


def test_pictures_become_plain_rgb():
    picture = Image.new("RGBA", (8, 8), (10, 20, 30, 255))
    picture.info["note"] = "left behind"
    final = Trajectory(prompt="p", final=picture).final
    assert (final.mode, final.info, final.getpixel((0, 0))) == ("RGB", {}, (10, 20, 30))


def test_a_set_round_trips_from_a_generator(tmp_path):
    path = save_many((tell() for tell in STORIES), tmp_path / "set")
    assert path.name == "trajectories.jsonl"
    assert len(path.read_text().splitlines()) == 3
    assert load_many(tmp_path / "set") == [tell() for tell in STORIES] == load_many(path)
    save_many([story.direct()], tmp_path / "set")
    assert [p.name for p in (tmp_path / "set" / "pictures").iterdir()] == ["000000-final.png"]


def test_an_empty_set_is_a_set(tmp_path):
    save_many([], tmp_path / "set")
    assert load_many(tmp_path / "set") == []


def test_saving_again_leaves_other_files_and_removes_stale_pictures(saved):
    (saved / "strip.png").write_bytes(b"mine")
    (saved / "step-notes.png").write_bytes(b"mine too")
    story.direct().save(saved)
    names = sorted(path.name for path in saved.iterdir())
    assert names == ["final.png", "step-notes.png", "strip.png", "trajectory.json"]
    assert Trajectory.load(saved) == story.direct()


@pytest.mark.parametrize("moment", range(1, 7))
def test_a_broken_first_save_leaves_nothing(moment, tmp_path, monkeypatch):
    break_at(monkeypatch, Path, "write_text", 1) if moment == 6 else break_at(monkeypatch, Image.Image, "save", moment)
    with pytest.raises(KitError, match="No space left"):
        story.three_steps().save(tmp_path / "one")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moment", range(1, 6))
def test_a_broken_write_leaves_the_old_trajectory(moment, saved, monkeypatch):
    break_at(monkeypatch, Image.Image, "save", moment)
    other = story.three_steps().model_copy(update={"prompt": "another"})
    with pytest.raises(KitError, match="No space left"):
        other.save(saved)
    monkeypatch.undo()
    assert Trajectory.load(saved) == story.three_steps()
    assert [path.name for path in saved.parent.iterdir()] == ["one"]


@pytest.mark.parametrize("moment", range(1, 7))
def test_a_break_between_the_moves_never_mixes_two_trajectories(moment, saved, monkeypatch):
    break_at(monkeypatch, os, "replace", moment)
    other = story.three_steps().model_copy(update={"prompt": "another"})
    with pytest.raises(KitError, match="No space left"):
        other.save(saved)
    monkeypatch.undo()
    with pytest.raises(KitError, match="no trajectory at"):
        Trajectory.load(saved)


def break_at(monkeypatch, owner, name, moment) -> None:
    """Let the disk be full at the n-th call of a function."""
    real, calls = getattr(owner, name), []

    def wrapped(*args, **kwargs):
        calls.append(1)
        if len(calls) == moment:
            raise OSError(28, "No space left on device")
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, wrapped)


def test_missing_json(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "x.json"):
        with pytest.raises(KitError, match="no trajectory at"):
            Trajectory.load(path)
    with pytest.raises(KitError, match="no trajectory at"):
        load_many(tmp_path)


def test_missing_picture(saved):
    (saved / "step-2-draft.png").unlink()
    with pytest.raises(KitError, match=r"steps\[1\]\.draft: the picture step-2-draft\.png is missing"):
        Trajectory.load(saved)


def test_wrong_size(saved):
    Image.new("RGB", (32, 64)).save(saved / "step-1-draft.png")
    with pytest.raises(KitError, match="'step-1-draft' is 32x64 but the final picture is 64x64"):
        Trajectory.load(saved)


def test_too_large(saved):
    Image.new("RGB", (5000, 1)).save(saved / "final.png")
    with pytest.raises(KitError, match="final: the picture final.png is 5000x1; at most 4096"):
        Trajectory.load(saved)


@pytest.mark.parametrize("damage", ["text", "empty", "half", "jpeg", "header"])
def test_not_a_picture(damage, saved):
    path = saved / "final.png"
    whole = path.read_bytes()
    if damage == "jpeg":
        Image.new("RGB", (64, 64)).save(path, "JPEG")
    else:
        broken = {"text": b"hello", "empty": b"", "half": whole[: len(whole) // 2], "header": whole[:20]}
        path.write_bytes(broken[damage])
    with pytest.raises(KitError, match="final: the file final.png is not a readable PNG"):
        Trajectory.load(saved)


def test_json_cut_anywhere(saved):
    path = saved / "trajectory.json"
    whole = path.read_text().rstrip()
    for end in range(0, len(whole), 37):
        path.write_text(whole[:end])
        with pytest.raises(KitError, match="not whole JSON"):
            Trajectory.load(saved)


def test_not_text(saved):
    (saved / "trajectory.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(KitError, match="cannot read"):
        Trajectory.load(saved)


@pytest.mark.parametrize("content", ["[]", "3", "null", '"text"'])
def test_not_a_record(content, saved):
    (saved / "trajectory.json").write_text(content)
    with pytest.raises(KitError, match="not a trajectory"):
        Trajectory.load(saved)


@pytest.mark.parametrize("schema", [2, 0, "1", None, True, 1.5])
def test_unknown_schema(schema, saved):
    rewrite(saved, lambda record: record.update(schema=schema))
    with pytest.raises(KitError, match="schema .*, this kit reads schema 1"):
        Trajectory.load(saved)


def test_schema_is_required(saved):
    rewrite(saved, lambda record: record.pop("schema"))
    with pytest.raises(KitError, match="schema None"):
        Trajectory.load(saved)


WRONG = {
    r"prompt: ": lambda r: r.update(prompt=3),
    r"seed: .*integer": lambda r: r.update(seed="7"),
    r"bounded: ": lambda r: r.update(bounded="no"),
    r"steps: .*list": lambda r: r.update(steps={}),
    r"steps\[0\]: ": lambda r: r["steps"].__setitem__(0, None),
    r"steps\[1\]\.plan\.instruction: .*string": lambda r: r["steps"][1]["plan"].update(instruction=None),
    r"steps\[2\]\.reflection\.verdict: .*correct": lambda r: r["steps"][2]["reflection"].update(verdict="ok"),
    r"steps\[0\]\.draft: should be the name of a PNG": lambda r: r["steps"][0].update(draft=None),
    r"final: should be the name of a PNG": lambda r: r.update(final=5),
    r"final: .*required": lambda r: r.pop("final"),
    r"cost\.forwards: .*greater": lambda r: r["cost"].update(forwards=-1),
    r"cost\.seconds: ": lambda r: r["cost"].update(seconds="quick"),
    r"cost\.speed: .*not permitted": lambda r: r["cost"].update(speed=1),
    r"spec: .*dict": lambda r: r.update(spec=[]),
    r"seed: .*\(faults in all: 2\)": lambda r: r.update(seed=None, provenance=1),
}


@pytest.mark.parametrize("words", WRONG)
def test_wrong_type_names_the_field(words, saved):
    rewrite(saved, WRONG[words])
    with pytest.raises(KitError, match=f"trajectory.json: {words}"):
        Trajectory.load(saved)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/../../secret.png", "link.png"])
def test_a_path_may_not_leave_the_folder(name, saved):
    (saved / "final.png").rename(saved.parent / "secret.png")
    (saved / "link.png").symlink_to(saved.parent / "secret.png")
    rewrite(saved, lambda record: record.update(final=name))
    with pytest.raises(KitError, match="final: the path .* leads out of the folder"):
        Trajectory.load(saved)


@pytest.mark.parametrize("name", ["", ".", "a\0b", "x" * 5000])
def test_names_that_are_no_files(name, saved):
    rewrite(saved, lambda record: record.update(final=name))
    with pytest.raises(KitError, match=r"trajectory.json: final: the (picture|file)"):
        Trajectory.load(saved)


def test_half_a_character_is_refused(saved):
    with pytest.raises(ValidationError, match="half a character"):
        Plan(instruction="\ud83d")
    rewrite(saved, lambda record: record.update(closing="\udc00"))
    with pytest.raises(KitError, match="closing: holds half a character"):
        Trajectory.load(saved)


def test_a_broken_line_of_a_set_is_named(tmp_path):
    path = save_many([story.direct(), story.one_step()], tmp_path)
    lines = path.read_text().splitlines()
    path.write_text(f"{lines[0]}\n{lines[1][:50]}\n")
    with pytest.raises(KitError, match="trajectories.jsonl, line 2 is not whole JSON"):
        load_many(tmp_path)


def test_a_picture_of_another_size_cannot_be_saved(tmp_path):
    trajectory = story.one_step()
    step = trajectory.steps[0].model_copy(update={"draft": Image.new("RGB", (8, 8))})
    trajectory.steps.append(step)
    with pytest.raises(KitError, match="'step-2-draft' is 8x8"):
        trajectory.save(tmp_path / "one")
    assert not (tmp_path / "one").exists()


def test_what_json_cannot_hold_is_refused(tmp_path):
    trajectory = story.direct()
    trajectory.provenance["when"] = object()
    with pytest.raises(KitError, match="cannot be written as JSON"):
        trajectory.save(tmp_path / "one")
    for bad in (float("nan"), (1, 2)):
        with pytest.raises(ValidationError):
            Trajectory(prompt="p", final=trajectory.final, spec={"count": bad})


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("here first")
    with pytest.raises(KitError, match="cannot write"):
        story.direct().save(tmp_path / "file" / "one")
    with pytest.raises(KitError, match="cannot write"):
        story.direct().save(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "here first"
