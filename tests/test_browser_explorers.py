"""The explorers as a reader uses them in JupyterLab: by keyboard alone, from one to the next."""

import pytest
import test_browser
from playwright.sync_api import Locator, Page, expect
from test_browser import PATIENCE, ROOT

browser, lab = test_browser.browser, test_browser.lab

CELL = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from IPython.display import display
import story, test_explorers
from mini_model.show import compare, history_explorer
for make in test_explorers.EXPLORERS:
    display(make())
display(history_explorer(story.three_steps()))
display(compare({{"in steps": story.three_steps(), "again": story.three_steps()}}))
"""


@pytest.fixture(autouse=True)
def explorers(monkeypatch):
    """The notebook of the lab shows the explorers instead of the player."""
    monkeypatch.setattr(test_browser, "CELL", CELL)


def opened(browser, address: str) -> Page:
    """The notebook with its cell run."""
    page = browser.new_page(viewport={"width": 1200, "height": 3000})
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.get_by_text("(ipykernel) | Idle").wait_for()  # a cell run before the kernel is there would be lost
    page.locator(".jp-Notebook .jp-CodeCell .jp-Editor").first.click()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-OutputArea-output [aria-live]")).to_have_count(6, timeout=PATIENCE)
    return page


def walk(page: Page, explorer: Locator, key: str, words: str) -> None:
    """Press a key where the focus is; the words must become these, and the picture another."""
    picture = explorer.locator("img")
    assert picture.evaluate("image => image.complete && image.naturalWidth") >= 600
    before = picture.get_attribute("src")
    page.keyboard.press(key)
    expect(explorer.locator("[aria-live]")).to_contain_text(words)
    expect(picture).not_to_have_attribute("src", before)
    assert picture.get_attribute("alt").strip()


def test_explorers_are_walked_by_keyboard_in_jupyterlab(browser, lab):
    page = opened(browser, lab)
    outputs = (page.locator(".jp-OutputArea-output").nth(number) for number in range(6))
    judged, masked, walked, attended, history, compared = outputs

    judged.get_by_role("slider").focus()
    walk(page, judged, "ArrowRight", "2 of 3:")

    page.keyboard.press("Tab")
    expect(masked.get_by_role("slider")).to_be_focused()
    walk(page, masked, "ArrowRight", "<script>document.title = 'ran'</script>")  # a name, shown as it is
    walk(page, masked, "ArrowRight", "▶ It is seen by 1 token: 3 (noised).")

    page.keyboard.press("Tab")
    expect(walked.get_by_role("slider")).to_be_focused()
    expect(walked.locator("[aria-live]")).to_contain_text("noise alone, t = 1")
    walk(page, walked, "ArrowRight", "After 1 of 9 steps: t = 0.94")
    page.keyboard.press("Tab")
    steps = walked.locator("select").first
    expect(steps).to_be_focused()
    steps.select_option("1 step")
    expect(walked.locator("[aria-live]")).to_contain_text("After 0 of 1 step")

    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(attended.get_by_role("slider")).to_be_focused()
    walk(page, attended, "End", "3 of 3: “house”")

    page.keyboard.press("Tab")
    expect(history.get_by_role("slider")).to_be_focused()
    walk(page, history, "ArrowRight", "Step 2 of 3")

    page.keyboard.press("Tab")
    expect(compared.get_by_role("slider")).to_be_focused()
    walk(page, compared, "ArrowLeft", "Step 3 of 4")
    assert page.title() != "ran"
    page.close()
