"""What to make of each table, in words: where it disagrees with the paper, and what was found when looking into why.

No figure stands here; those are in the tables beside, which are made from files.
"""

REMARKS = {
    "main": (
        "Painting in steps helps, and not only because it was trained longer: the base, trained on for more seconds "
        "than the process model, gains far less. What gains most is what the paper calls binding: which colour "
        "belongs to which thing. Position is not decided after this short a training. The shipped weights were "
        "trained longer and do gain there; see `mini.json`."
    ),
    "wise": (
        "Writing a plan first brings out what the base knows and does not draw. To say the answer before drawing "
        "at once does part of that, and costs little."
    ),
    "cost": (
        "Painting in steps beats the search with a tenth of its denoising steps, as the paper says, and with a quarter "
        "of its passes: words are short passes, and there are many. But the search is a weak one here: PARM gave up no "
        "path at all, as its steps show, so it is a choice at the end and no more. After this short a training its "
        "reward model hardly ever calls a half-done picture clear, and tells right from wrong little better, as the "
        "oracle shows, which chooses among the same pictures without fault. Tuning the base first helps a little, and "
        "less than the seeds differ. The planner and the inspector are programs that know the world exactly, so they "
        "stand for an outside model without faults, as no real one is. Compare steps, passes and tokens, not seconds: "
        "some searches ran on a card and others on a processor that had other work to do."
    ),
    "table5": (
        "The paper's first claim does not hold here. Strokes that change, swap and remove take the place of plain "
        "ones, and after this short a training those are probably what is still lacking. Criticism adds a little to "
        "the row with augmentation, less than the seeds differ. The row of criticism without augmentation is not quite "
        "what it says: the pictures of the alignment subset always come from paintings of which some strokes change "
        "things, so it is told apart from the last row by its other subsets alone."
    ),
    "table6": (
        "Criticism made up from the scene graph rather harms: its mistakes are more frequent than the model's own, "
        "which then expects them, as the steps that it spends suggest. The model's own mistakes do "
        "better than made-up ones, as the paper says, though the self-sampled row also has criticism of plans."
    ),
    "table7": (
        "Each subset moves what the paper says it moves, plans move position and pictures move counting, and three "
        "seeds are too few to be sure of either."
    ),
    "control": (
        "Its own reflection neither helps nor harms, since it seldom calls anything wrong. Criticism of another "
        "picture harms, so the words do act. The exact judge's criticism does not help, which no paper would lead "
        "one to expect. With the shipped weights most of what the judge objects to is a small thing without a clear "
        "outline, which the benchmark lets pass unless it counts, while a refinement draws the whole picture anew. "
        "Whether this is the reason was not measured."
    ),
    "reflection": (
        "Every draft is held against its plan by the exact judge. Precision: of the drafts called wrong, those that "
        "are; recall: of the wrong ones, those called so; mended: of the wrong ones, those right after a refinement; "
        "broken: of the right ones that were painted again, those wrong afterwards; mended at last: of the wrong "
        "drafts, those right after all refinements that follow. Left to itself the shipped model calls hardly any of "
        "its own drafts wrong. Shown a program's drafts, half of which hold a slip, it notices a quarter of the sharp "
        "ones, and no smear, which its own mistakes resemble. Looked at afresh, the model describes each draft with "
        "no plan in sight, and a program holds that against the plan: then nearly all of the sharp slips are noticed "
        "and mended, of the smears half are noticed and fewer mended. So of a sharp slip the eyes were never in "
        "doubt; in its own story, too, the model says what is there, and then that it is right. What fails is the "
        "comparison. Of its own mistakes half are noticed that way, a third of the alarms are false, and a picture "
        "that is painted again for no reason breaks in four of ten cases, so that in the end no more are right than "
        "before: small things, most of what goes wrong, come out blurred again."
    ),
    "packings": (
        "Errors are relative to float32, on the goldens' tiny model, whose weights are random, and on the shipped mini "
        "weights. To pack the experts' linears alone (`nf4`) takes most bytes away and costs no picture that these "
        "prompts could show. To pack the others too, as upstream's own app does (`nf4-all`), saves little more and "
        "makes errors larger. The layer where latents enter, `vae2llm`, is left out of that row: it is narrower than a "
        "block of 64 weights here, and bitsandbytes 0.50 unpacks such widths wrongly on a processor. Of the others the "
        "one that velocities come out of, `llm2vae`, is felt most. "
        "None of this was measured at the full size. On this processor fewer bits save memory and no time, since each "
        "weight is unpacked whenever it is used. The adapter has random weights, and what it adds to a layer is a "
        "twentieth as large as the layer's weights: merged into 4 bits, it moves the model again as far as it had "
        "moved it, since the sum is rounded to the few levels there are; merged into bf16, hardly further than bf16 "
        "itself does. Beside 4-bit weights an adapter stays unmerged."
    ),
}
