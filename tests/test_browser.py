"""What a reader sees in a real browser: the page at every width, the player in JupyterLab."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
import story
from playwright.sync_api import Browser, Page, expect, sync_playwright
from test_show import EVIL, evil

from mini_model.show import language, write_page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/usr/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ROOT = Path(__file__).parent.parent
PATIENCE = 90_000  # milliseconds; a busy machine may need them


@pytest.fixture(scope="module")
def browser():
    found = [*filter(None, map(shutil.which, NAMES)), *filter(os.path.exists, PLACES)]
    assert found, "these tests need a browser: on Debian, apt-get install chromium; elsewhere, install Chrome"
    with sync_playwright() as player:
        opened = player.chromium.launch(executable_path=found[0], args=OPTIONS)
        yield opened
        opened.close()


def visit(browser: Browser, path: Path, width: int, scheme: str = "light") -> Page:
    """Open a page from disk at a width in pixels; any word on the console fails the test."""
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.said = []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.said.append(request.url) if "http" in request.url[:4] else None)
    page.goto(path.as_uri())
    return page


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("tell", [story.direct, story.three_steps, story.long, evil])
def test_page_loads_whole_at_every_width(tell, width, browser, tmp_path):
    told = tell()
    page = visit(browser, write_page(told, tmp_path / "page.html"), width)
    widths = page.evaluate("[...document.images].map(image => image.complete && image.naturalWidth)")
    assert widths == [picture.width for _, picture in told.pictures()]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes(page, "img, p, h1, article"))
    assert page.said == []
    page.close()


def boxes(page: Page, selector: str) -> list[dict]:
    return [element.bounding_box() for element in page.locator(selector).all() if element.is_visible()]


def test_no_word_of_the_model_runs(browser, tmp_path):
    page = visit(browser, write_page(evil(), tmp_path / "page.html"), 800)
    assert page.title() == " ".join(EVIL.split())
    assert page.evaluate("document.scripts.length") == 0
    expect(page.locator("h1")).to_have_text(EVIL)
    assert page.said == []
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_in_light_and_dark(scheme, browser, tmp_path):
    page = visit(browser, write_page(story.three_steps(), tmp_path / "page.html"), 1280, scheme)
    style = "getComputedStyle(document.body)"
    ink, paper = (page.evaluate(f"{style}.{name}") for name in ("color", "backgroundColor"))
    quiet = page.evaluate("getComputedStyle(document.querySelector('.quiet')).color")
    assert contrast(ink, paper) > 12
    assert contrast(quiet, paper) > 5
    assert (brightness(paper) > 0.5) == (scheme == "light")
    page.close()


def brightness(color: str) -> float:
    """The relative luminance (WCAG 2) of 'rgb(r, g, b)'."""
    parts = [int(part) / 255 for part in color[4:-1].split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((brightness(one), brightness(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_four_frames_stand_in_a_row_or_in_a_column(browser, tmp_path):
    path = write_page(story.one_step(), tmp_path / "page.html")
    for width, columns in ((1280, 4), (700, 2), (360, 1)):
        page = visit(browser, path, width)
        assert len({round(box["x"]) for box in boxes(page, ".round article")}) == columns
        assert page.locator(".round h3").all_text_contents() == [f"{s.mark}{s.word}" for s in language.STAGES]
        page.close()


CELL = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from PIL import Image
import story
from mini_model.show import player
noise = [[Image.new("RGB", (64, 64), (shade, 0, 0)) for shade in range(0, 250, 50)]]
player(story.one_step(), frames=noise)
"""


@pytest.fixture
def lab(tmp_path):
    """The address of a notebook, in a JupyterLab of its own that keeps nothing outside the test's folder."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL.strip())])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, tmp_path / "player.ipynb")
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    names += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    environment = os.environ | {name: str(tmp_path / name.lower()) for name in names}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--allow-root",
    ]
    options += [
        "--IdentityProvider.token=stroke",
        f"--ServerApp.root_dir={tmp_path}",
        "--LabApp.news_url=None",
    ]
    options += ["--LabApp.extension_manager=readonly"]
    with (tmp_path / "log").open("w") as log:
        command = [sys.executable, "-m", "jupyterlab", *options]
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/api?token=stroke", server, tmp_path / "log")
        yield f"http://127.0.0.1:{port}/doc/tree/player.ipynb?token=stroke"
    finally:
        server.terminate()
        server.wait(30)


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(PATIENCE // 250):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(address).close()
            return
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"JupyterLab did not answer: {log.read_text()}")


def test_player_walks_through_a_trajectory_in_jupyterlab(lab, browser):
    page = browser.new_page(viewport={"width": 1200, "height": 1000})
    page.set_default_timeout(PATIENCE)
    page.goto(lab)
    page.get_by_text("(ipykernel) | Idle").wait_for()  # a cell run before the kernel is there would be lost
    page.locator(".jp-Notebook .jp-CodeCell .jp-Editor").first.click()
    page.keyboard.press("Shift+Enter")
    output = page.locator(".jp-OutputArea-output")
    stage, slider = output.locator("[aria-live] b"), output.get_by_role("slider")
    expect(stage).to_have_text("✎ plan", timeout=PATIENCE)
    expect(slider.nth(1)).to_be_hidden()  # nothing is being denoised

    page.get_by_role("button", name="Next").click()
    expect(stage).to_have_text("◐ draft")
    picture = output.locator("img")
    assert picture.evaluate("image => image.complete && image.naturalWidth") == 320
    drawn = picture.get_attribute("src")

    slider.nth(1).focus()
    page.keyboard.press("ArrowLeft")
    expect(picture).not_to_have_attribute("src", drawn)
    assert "denoising frame 3" in picture.get_attribute("alt")

    slider.nth(0).focus()
    page.keyboard.press("ArrowRight")
    expect(stage).to_have_text("◉ reflection")
    expect(output).to_contain_text("✓ correct: it is all there")

    page.get_by_role("button", name="Next").focus()
    page.keyboard.press("Enter")
    expect(stage).to_have_text("★ final")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.close()
