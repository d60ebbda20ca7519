"""The usual mistakes of lesson 10: (right text, wrong text, words that the check must say)."""

DRAWING = "drawing = branches * denoising"
FORWARDS = "forwards = 1 + written + drawing + pictures"
TOLD = "return denoising, forwards, prompt + written + drawing * picture + 2 * pictures * picture"
GAINS = "gains = ours.mean(1) - theirs.mean(1)"
AGAIN = "again = gains[drawn].mean(1)"
ENDS = "low, high = np.quantile(again, [0.025, 0.975])"
BUYS = "n = min(int(budget // price), tries)"
REST = "return n, 1 - wrong"

MUTANTS = [
    (DRAWING, "drawing = denoising", "once for each branch"),
    (FORWARDS, "forwards = 1 + drawing + pictures", "Writing is not free"),
    (FORWARDS, "forwards = 1 + written + drawing", "A finished picture is looked at"),
    (FORWARDS, "forwards = written + drawing + pictures", "The prompt must be read"),
    ("picture = tokens + 2", "picture = tokens", "A picture stands between two marks"),
    (TOLD, TOLD.replace("2 * pictures", "pictures"), "enters twice"),
    (TOLD, TOLD.replace("denoising", "drawing"), "whatever its branches"),
    (TOLD, TOLD.replace("return", "told ="), "is a `return` missing"),
    (GAINS, "gains = ours.mean(0) - theirs.mean(0)", "One gain for each prompt"),
    (GAINS, "gains = theirs.mean(1) - ours.mean(1)", "The wrong way round"),
    (AGAIN, "again = gains[drawn].mean(0)", "One mean for each drawn set"),
    (AGAIN, "again = ours.mean(1)[drawn].mean(1) - theirs.mean(1)[drawn[::-1]].mean(1)", "same drawn prompts"),
    (ENDS, "low, high = np.quantile(gains, [0.025, 0.975])", "how prompts differ"),
    (ENDS, "low, high = np.quantile(again, [0.05, 0.95])", "the middle 90 %"),
    (ENDS, "low, high = np.quantile(again, [2.5, 97.5])", "ValueError"),
    (BUYS, "n = min(ceil(budget / price), tries)", "the last picture is not paid for"),
    (BUYS, "n = int(budget // price)", "no more than `tries`"),
    (REST, "return n, wrong", "all are wrong"),
    (REST, "return n, comb(right, n) / comb(tries, n)", "one is enough"),
    (REST, "return n, 1 - (1 - right / tries) ** n", "cannot be picked twice"),
    (REST, "return n, n * right / tries", "Chances do not add up"),
]
