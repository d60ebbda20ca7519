"""A vision model behind a network address as a judge: any server that speaks OpenAI's chat interface.

The paper gives this part to GPT-4o. The address may be a paid service, or a model on the same machine:

    transformers serve SOME/VISION-MODEL          answers at http://localhost:8000/v1

The picture goes along as a data URL, and the answer is asked for as JSON. A server that is away, slow or busy is asked
again, later each time; what the answer must look like is checked, and one that cannot be read is asked for once more.
"""

import base64
import io
import re
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import openai
from PIL import Image
from pydantic import BaseModel, ValidationError

from mini_model.errors import KitError
from mini_model.process.story import NOT_LOOKED, Story
from mini_model.trajectory import Reflection

AT_ONCE = 4  # questions under way at the same time
TASK = """A picture is painted step by step. The whole wish is: "{prompt}".
The last step was: "{instruction}". After it the picture should show: "{description}".
Look at the picture. What the wish names and no step has drawn yet is not wrong; only what contradicts the last step is.
Answer with one JSON object and nothing else:
{{"verdict": "correct" or "wrong", "seen": "what you see", "refine": "one instruction that mends it, or empty"}}"""
AGAIN = "That was not the JSON object that was asked for. Answer with the object alone."


class Answer(BaseModel):
    """What a judge must say; "wrong" needs an instruction that mends it."""

    verdict: Literal["correct", "wrong"]
    seen: str
    refine: str = ""


class Endpoint:
    """A judge at an address; `unread` counts the answers that could not be read."""

    def __init__(
        self, address: str, model: str, key: str = "none", timeout: float = 60.0, retries: int = 4, tries: int = 2
    ) -> None:
        self.address, self.model, self.tries, self.unread = address, model, tries, 0
        self.client = openai.OpenAI(base_url=address, api_key=key, timeout=timeout, max_retries=retries)

    def __call__(self, stories: Sequence[Story]) -> list[Reflection]:
        """A reflection on each last picture; where no answer could be read, the verdict is "none", with a warning.

        Raises KitError where the server is away, stays busy, or refuses.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(self._judge, stories))

    def _judge(self, story: Story) -> Reflection:
        plan = story.plan
        words = TASK.format(prompt=story.prompt, instruction=plan.instruction, description=plan.description)
        asked: list[dict] = [{"role": "user", "content": [{"type": "text", "text": words}, _shown(story.last)]}]
        said = ""
        for _ in range(self.tries):
            said = self._ask(asked)
            if answer := _read(said):
                return Reflection(verdict=answer.verdict, text=answer.seen, refine=answer.refine or None)
            asked += [{"role": "assistant", "content": said}, {"role": "user", "content": AGAIN}]
        self.unread += 1
        warnings.warn(f"the judge at {self.address} gave no verdict that can be read: {said[:80]!r}", stacklevel=2)
        return NOT_LOOKED

    def _ask(self, messages: list[dict]) -> str:
        """One question, asked again by the client where that may help; all that fails becomes one clear error."""
        try:
            told = self.client.chat.completions.create(model=self.model, messages=messages, max_tokens=300)
        except openai.APITimeoutError:
            raise self._error("did not answer in time", "give it more time, or ask a faster model") from None
        except openai.APIConnectionError:
            raise self._error("cannot be reached", "start the server, or look at the address") from None
        except openai.RateLimitError:
            raise self._error("has had too many questions", "wait a while, then resume") from None
        except openai.APIStatusError as error:
            raise self._error(f"refused ({error.status_code}: {error.message})", "look at model and key") from None
        return (told.choices[0].message.content or "") if told.choices else ""

    def _error(self, what: str, mend: str) -> KitError:
        return KitError(f"the judge {self.model!r} at {self.address} {what}; {mend}")


def _shown(picture: Image.Image) -> dict:
    """A picture as part of a message."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    address = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    return {"type": "image_url", "image_url": {"url": address}}


def _read(said: str) -> Answer | None:
    """The answer in some words, with or without a fence around it; None where there is none, or half of one."""
    found = re.search(r"\{.*\}", said, re.DOTALL)
    try:
        answer = Answer.model_validate_json(found.group()) if found else None
    except ValidationError:
        return None
    return answer if answer and (answer.verdict == "correct" or answer.refine.strip()) else None
