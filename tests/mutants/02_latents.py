"""The usual mistakes of lesson 2: (right text, wrong text, words that the check must say)."""

POINT = "return mean + torch.exp(0.5 * log_variance) * noise"
KL = "return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()"
PAIR = "return latents.mean().item(), 1 / latents.std().item()"

MUTANTS = [
    (POINT, "return mean + torch.exp(log_variance) * noise", "the variance, not the spread"),
    (POINT, "return mean + 0.5 * log_variance * noise", "The logarithm is still there"),
    (POINT, "return mean + log_variance.sqrt() * noise", "The root of a logarithm"),
    (POINT, "return torch.exp(0.5 * log_variance) * noise", "The mean is missing"),
    (POINT, "return mean + torch.exp(0.5 * log_variance) + noise", "added, not multiplied"),
    (POINT, "return mean + torch.exp(-0.5 * log_variance) * noise", "Upside down"),
    (POINT, "return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)", "use the noise that is given"),
    (POINT, "mean + torch.exp(0.5 * log_variance) * noise", "is a `return` missing"),
    (KL, "return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum()", "Summed, not averaged"),
    (KL, "return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1).mean()", "Summed over channels"),
    (KL, "return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)", "Not averaged yet"),
    (KL, "return -0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean()", "The sign is turned"),
    (KL, "return (mean**2 + log_variance.exp() - 1 - log_variance).mean()", "The half is missing"),
    (KL, "return 0.5 * (mean**2 + log_variance.exp() - log_variance).mean()", "The 1 is missing"),
    (KL, "return 0.5 * (mean + log_variance.exp() - 1 - log_variance).mean()", "The mean is not squared"),
    (KL, "return 0.5 * (mean**2 + log_variance - 1 - log_variance).mean()", "The variance is exp of its logarithm"),
    (KL, "return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean().item()", "a tensor of shape ()"),
    (PAIR, "return latents.mean().item(), latents.std().item()", "Scale is the spread itself"),
    (PAIR, "return latents.mean().item(), 1 / latents.var().item()", "Divided by the variance"),
    (PAIR, "return -latents.mean().item(), 1 / latents.std().item()", "The shift's sign"),
    (PAIR, "return 1 / latents.std().item(), latents.mean().item()", "Wrong way round"),
    (PAIR, "return latents.mean().item(), 1 / latents.pow(2).mean().sqrt().item()", "Take the mean off before"),
    (PAIR, "return latents.mean((0, 2, 3)), 1 / latents.std((0, 2, 3))", "A pair for each channel"),
    (PAIR, "return latents.mean(), 1 / latents.std()", "a tensor of shape ()"),
]
