"""Judges behind one interface: the pixels, the model itself, another's words, and a model at an address."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from PIL import Image
from tiny_vision_model import make as make_tiny_vision_model

from mini_model.__main__ import main
from mini_model.errors import KitError
from mini_model.model import UnifiedModel
from mini_model.process.easel import Easel, Settings
from mini_model.process.endpoint import Endpoint
from mini_model.process.judges import Afresh, Own, Shuffled, exact, unmoved
from mini_model.process.painter import Studio
from mini_model.process.story import NOT_LOOKED, Story
from mini_model.trajectory import Plan, Reflection, Step, Trajectory
from mini_model.world.reading import read_scene
from mini_model.world.render import render

MINI = Path(__file__).resolve().parent.parent / "data_samples/weights/mini"
GOOD = {"verdict": "wrong", "seen": "a blue cup", "refine": "make the cup red"}


def story(shown: str, planned: str) -> Story:
    """A painting whose last picture shows one thing and whose plan describes another."""
    picture = Image.fromarray(render(read_scene(shown)))
    step = Step(plan=Plan(instruction=f"add {planned}", description=planned), draft=picture, reflection=NOT_LOOKED)
    return Story("a photo of a red cup", 0, steps=[step], last=picture, pictures=1)


RED, BLUE = "a red cup at the center", "a blue cup at the center"


def test_the_exact_judge_reads_pixels_and_names_what_mends_them():
    right, wrong = exact([story(RED, RED), story(BLUE, RED)])
    assert right == Reflection(verdict="correct", text=f"i see {RED}. this is right.")
    assert wrong.verdict == "wrong" and wrong.text == f"i see {BLUE}. this is wrong."
    assert wrong.refine == "make the blue cup at the center red"


def test_who_does_not_look_finds_everything_right():
    (said,) = unmoved([story(BLUE, RED)])
    assert said == Reflection(verdict="correct", text=f"i see {RED}. this is right.")


def test_the_model_describes_a_draft_without_its_plan_and_a_program_compares():
    easel = Easel(UnifiedModel.from_pretrained(MINI), Settings(temperature=0.0))
    tales = [story(BLUE, RED), story(BLUE, BLUE), story("a blue cup at the top left", BLUE)]
    wrong, right, astray = Afresh(easel)(tales)
    assert wrong.text == f"i see {BLUE}. this is wrong." and wrong.refine == "make the blue cup at the center red"
    assert right == Reflection(verdict="correct", text=f"i see {BLUE}. this is right.")
    assert astray.refine == "move the blue cup at the top left to the center"
    assert all(tale.cost.forwards > 5 and tale.cost.text_tokens > 5 for tale in tales)


def test_the_model_as_a_judge_says_what_it_says_while_painting():
    easel = Easel(UnifiedModel.from_pretrained(MINI), Settings(steps=4, temperature=0.0))
    tale = Story("a photo of two blue cups", 3)
    for event in Studio(easel.model, easel.settings).paint([tale]):
        if event.kind == "draft":
            judged = Own(easel)([Story.resume(event.trajectory, 3)])
        if event.kind == "reflection":
            assert judged == [tale.steps[-1].reflection]
    assert len(tale.steps) >= 2


def test_a_shuffled_criticism_is_what_was_said_of_another():
    tales = [story(RED, RED), story(BLUE, RED)]
    judge = Shuffled(exact)
    assert judge(tales) == exact(tales)[::-1]
    assert judge(tales[:1]) == exact(tales)[1:]  # the other one has ended, its words are remembered
    with pytest.raises(KitError, match="two prompts or more"):
        Shuffled(exact)(tales[:1])


class Server(BaseHTTPRequestHandler):
    """Gives the answers of a list, one after another; a number is an HTTP status."""

    def do_POST(self) -> None:
        self.server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answer = self.server.answers.pop(0)
        if answer == "sleep":
            return time.sleep(1.0)
        self.send_response(answer if isinstance(answer, int) else 200)
        self.send_header("Retry-After-Ms", "10")
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        message = {"role": "assistant", "content": answer}
        told = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        self.wfile.write(json.dumps({"error": {"message": "busy"}} if isinstance(answer, int) else told).encode())

    def log_message(self, *_) -> None:
        """Say nothing."""


@contextmanager
def answering(*answers):
    """A server on this machine that answers so."""
    server = HTTPServer(("127.0.0.1", 0), Server)
    server.answers, server.asked = list(answers), []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("form", ["{}", "```json\n{}\n```", "I think: {} That is all."])
def test_an_answer_from_an_address_becomes_a_reflection(form):
    with answering(form.format(json.dumps(GOOD))) as (server, address):
        (said,) = Endpoint(address, "eyes")([story(BLUE, RED)])
    assert said == Reflection(verdict="wrong", text="a blue cup", refine="make the cup red")
    words, shown = server.asked[0]["messages"][0]["content"]
    assert RED in words["text"] and shown["image_url"]["url"].startswith("data:image/png;base64,")


def test_a_busy_server_is_asked_again():
    with answering(429, 503, json.dumps({"verdict": "correct", "seen": "a red cup"})) as (_, address):
        assert Endpoint(address, "eyes")([story(RED, RED)])[0].verdict == "correct"


@pytest.mark.parametrize(
    "bad", ["no idea", "{", '{"verdict": "maybe", "seen": ""}', json.dumps(GOOD | {"refine": " "})]
)
def test_an_answer_that_cannot_be_read_is_asked_for_once_more_and_then_no_verdict(bad):
    with answering(bad, json.dumps(GOOD), bad, bad) as (server, address):
        judge = Endpoint(address, "eyes")
        assert judge([story(BLUE, RED)])[0].verdict == "wrong" and judge.unread == 0
        with pytest.warns(UserWarning, match="no verdict that can be read"):
            assert judge([story(BLUE, RED)]) == [NOT_LOOKED]
    assert judge.unread == 1 and len(server.asked) == 4


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([429] * 2, "has had too many questions"),
        ([401], "refused .401"),
        (["sleep"] * 2, "did not answer in time"),
        (None, "cannot be reached"),
    ],
)
def test_a_server_that_fails_gives_one_clear_error(answers, words):
    with answering(*(answers or [])) as (_, address):
        pass_by = address if answers else "http://127.0.0.1:9/v1"
        with pytest.raises(KitError, match=f"'eyes' at {pass_by} {words}"):
            Endpoint(pass_by, "eyes", timeout=0.3, retries=1)([story(RED, RED)])


def test_a_real_server_with_a_real_vision_model_is_asked(tmp_path):
    """`transformers serve` with random weights: it looks at the picture, and babbles, which is no verdict."""
    folder = make_tiny_vision_model(tmp_path / "eyes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("transformers"), "serve", folder, "--port", str(port), "--device", "cpu"]
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"HF_HUB_OFFLINE": "1"}
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", server)
        judge = Endpoint(f"http://127.0.0.1:{port}/v1", str(folder))
        with pytest.warns(UserWarning, match="no verdict that can be read"):
            assert judge([story(RED, RED)]) == [NOT_LOOKED]
    finally:
        server.kill()
        server.wait()


def _wait_for(address: str, server: subprocess.Popen, seconds: int = 90) -> None:
    for _ in range(seconds * 5):
        assert server.poll() is None, "the server ended"
        try:
            return urllib.request.urlopen(address, timeout=1).close()
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(address)


def test_the_command_line_names_an_outside_judge(tmp_path, monkeypatch, capsys):
    def paint(*words) -> int:
        monkeypatch.setattr(
            sys, "argv", ["mini_model", "paint", "a photo of a red cup", "--out", str(tmp_path), *words]
        )
        return main()

    right = json.dumps({"verdict": "correct", "seen": "a red cup"})
    with answering(*[right] * 9) as (server, address):
        assert paint("--judge", address, "--judge-model", "eyes") == 0
    drafts = Trajectory.load(tmp_path / "trajectory.json").steps
    assert len(server.asked) == len(drafts) and all(step.reflection.text.startswith("a red cup") for step in drafts)
    assert paint("--judge", "exact") == 0
    capsys.readouterr()
    for words, told in (
        (("--judge", "nobody"), "--judge takes `exact`, or an address"),
        (("--judge", address), "with --judge-model NAME"),
        (("--judge", "exact", "--strategy", "direct"), "strategy direct asks no judge"),
        (("--judge", address, "--judge-model", "eyes"), "cannot be reached"),
    ):
        assert paint(*words) == 2
        assert told in capsys.readouterr().err
