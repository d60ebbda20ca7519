"""Every way to paint a prompt, behind one word each; all give a trajectory with its cost.

at once     direct             the prompt, drawn at once: the baseline
            reasoned           first a text about the prompt, then the picture: reasoning without looking
            planner            an outside plan, drawn stroke by stroke by a model that was never taught to
            inspector          drawn at once, then edited as an outside inspector says
by search   best-of-n          twenty pictures; a reward model chooses
            parm               the same, but paths that look hopeless are given up half-way
            oracle             twenty pictures; the exact judge chooses: the upper bound
in steps    process            plan, draft, reflection, refinement, all by the model itself
            process-afresh     the same, but the model describes each draft with no plan in sight, and a program
                               compares
            process-unmoved    the same, but every draft is called right: no reflection
            process-shuffled   every draft gets the criticism of another picture: the negative control
            process-exact      every draft gets the exact judge's criticism: the upper bound

The first seven ask for a base model, the last five for one that was trained to paint in steps.
"""

from collections.abc import Callable, Sequence

from mini_model.errors import KitError
from mini_model.model.unified import UnifiedModel
from mini_model.process.easel import Easel, Settings
from mini_model.process.judges import Afresh, Own, Shuffled, exact, unmoved
from mini_model.process.outside import inspected, planned
from mini_model.process.painter import Studio
from mini_model.process.script import Said
from mini_model.process.search import best_of_n, oracle, parm
from mini_model.process.story import Story
from mini_model.trajectory import Plan, Trajectory


def paint_many(
    model: UnifiedModel,
    prompts: Sequence[str],
    seeds: Sequence[int],
    strategy: str = "process",
    settings: Settings | None = None,
    specs: Sequence[dict | None] | None = None,
) -> list[Trajectory]:
    """Paint several prompts as one batch; each (prompt, seed) gives one trajectory, whatever its company."""
    if strategy not in STRATEGIES:
        raise KitError(f"no strategy {strategy!r}; choose one of: {', '.join(STRATEGIES)}")
    easel, specs = Easel(model, settings), specs or [None] * len(prompts)
    stories = [Story(p, s, spec, strategy) for p, s, spec in zip(prompts, seeds, specs, strict=True)]
    STRATEGIES[strategy](easel, stories)
    return [story.trajectory(easel.blank, sharing=len(stories)) for story in stories]


def _reasoned(easel: Easel, stories: Sequence[Story]) -> None:
    """A text about the prompt, in the model's own words, and a picture from both."""
    cache = easel.memory(len(stories))
    nothing = cache.mark()
    easel.feed(cache, [[easel.text(story.prompt)] for story in stories], stories)
    texts, _ = easel.write(cache, stories)
    drawn = easel.pictures([cache, cache.at(nothing)], stories, easel.settings.direct)[0]
    for story, text, picture in zip(stories, texts, drawn, strict=True):
        story.draw(Said(None, Plan(instruction=story.prompt, description=text), done=False), picture)


def _process(judge: Callable | None = None) -> Callable:
    """In steps, with the model's own reflections or those of a judge; `judge` makes it from an easel."""

    def paint(easel: Easel, stories: Sequence[Story]) -> None:
        studio = Studio(easel.model, easel.settings, judge and judge(easel))
        for _ in studio.paint(list(stories)):
            pass

    return paint


STRATEGIES: dict[str, Callable[[Easel, Sequence[Story]], None]] = {
    "direct": Easel.direct,
    "reasoned": _reasoned,
    "planner": planned,
    "inspector": inspected,
    "best-of-n": best_of_n,
    "parm": parm,
    "oracle": oracle,
    "process": _process(),
    "process-afresh": _process(Afresh),
    "process-unmoved": _process(lambda easel: unmoved),
    "process-shuffled": _process(lambda easel: Shuffled(Own(easel))),
    "process-exact": _process(lambda easel: exact),
}
