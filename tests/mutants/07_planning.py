"""The usual mistakes of lesson 7: (right text, wrong text, words that the check must say)."""

DRAFT = 'made.append((text, not at_fault, step.draft, seen.verdict != "wrong"))'
TEXT = 'text = f"{said} {plan_text(step.plan)}".strip()'
LAST = 'made.append((f"{said} {told.closing}".strip(), True, None, False))'
WORDS = "words = ce.mean() if len(ce) else ce.sum()"
PICTURES = "pictures = mse.mean() if len(mse) else mse.sum()"
TOTAL = "return lambda_ce * words + pictures"
BETWEEN = 'between[tag] = words.strip() if closed else ""'
PLAN = 'plan = Plan(instruction=between["ins"], description=between["des"]) if between["ins"] else None'
ANSWER = "return int(logits.argmax()) == MARKS.picture_start, plan"

MUTANTS = [
    (DRAFT, DRAFT.replace('seen.verdict != "wrong"', "True"), "is looked at, not drawn"),
    (DRAFT, DRAFT.replace("not at_fault", "True"), "is read, not learnt"),
    (DRAFT, DRAFT.replace("not at_fault", 'seen.verdict != "wrong"'), "learn its words"),
    ("return made", "return [(*x[:3], x[3] and x[2] is made[-2][2]) for x in made]", "not the last alone"),
    (TEXT, "text = plan_text(step.plan)", "What was said stands before the plan"),
    ("said = words_of(step.after)", "pass", "After a refinement the model speaks of that"),
    ("if step.refinement is not None:", "if False:", "A refinement is a turn too"),
    (LAST, "pass", "The last turn is missing"),
    (LAST, LAST.replace("True, None", "False, None"), "The closing text is learnt too"),
    ("return made", "print(made)", "is a `return` missing"),
    (WORDS, "words = ce.mean()", "The mean of nothing is not a number"),
    (PICTURES, "pictures = mse.mean()", "The mean of nothing is not a number"),
    (TOTAL, "return lambda_ce * ce.sum() + mse.sum()", "Means, not sums"),
    (TOTAL, "return words + lambda_ce * pictures", "weighs the words, not the pictures"),
    (TOTAL, "return lambda_ce * words + (1 - lambda_ce) * pictures", "Pictures weigh 1"),
    (TOTAL, "return words + pictures", "lambda_CE is not used"),
    (TOTAL, "return (lambda_ce * ce.sum() + mse.sum()) / (ce.numel() + mse.numel())", "A mean for each part"),
    (PICTURES, "pictures = mse.sum(-1).mean() if len(mse) else mse.sum()", "count one by one"),
    (TOTAL, "return (lambda_ce * words + pictures).item()", "has no gradient"),
    (ANSWER, "return plan is not None, plan", "A token decides whether to draw"),
    (
        ANSWER,
        "return bool(logits[MARKS.picture_start] > logits[MARKS.text_end]), plan",
        "Likelier than the end mark is not likeliest",
    ),
    (ANSWER, "return int(logits.argmax()) != MARKS.text_end, plan", "Not to stop is not yet to draw"),
    (BETWEEN, BETWEEN.replace(".strip()", ""), "Spaces are left at the ends"),
    (BETWEEN, "between[tag] = words.strip()", "without its end tag is not whole"),
    (PLAN, PLAN.replace(' if between["ins"] else None', ""), "None, not an empty one"),
    (PLAN, PLAN.replace('if between["ins"]', 'if between["ins"] and between["des"]'), "may lack its description"),
    (
        PLAN,
        PLAN.replace(
            'instruction=between["ins"], description=between["des"]',
            'instruction=between["des"], description=between["ins"]',
        ),
        "have changed places",
    ),
]
