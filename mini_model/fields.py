"""The two kinds of field that every record of the kit is made of: pictures, and text that a file can hold."""

from pathlib import Path
from typing import Annotated, Any

from PIL import Image
from pydantic import AfterValidator, BeforeValidator, ValidationInfo

from mini_model.errors import KitError

MAX_SIDE = 4096  # pixels; a PNG that claims more is refused before it is unpacked


def _as_picture(value: Any, info: ValidationInfo) -> Image.Image:
    """A plain RGB picture from a PIL picture, from bytes (height, width, 3) or, when reading, from a name."""
    if isinstance(value, str) and info.context:
        value = read_picture(info.context["folder"], value)
    elif getattr(value, "shape", ())[2:] == (3,) and str(getattr(value, "dtype", "")) == "uint8":
        value = Image.fromarray(value)
    if not isinstance(value, Image.Image):
        wanted = "the name of a PNG file" if info.context else "a picture"
        raise KitError(f"should be {wanted}, but is {type(value).__name__}")
    value = value.convert("RGB")
    return Image.frombytes("RGB", value.size, value.tobytes())  # sheds file handles and metadata


def read_picture(folder: Path, name: str) -> Image.Image:
    """The picture of that name inside `folder`; the KitError says what is wrong with it."""
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise KitError(f"the path {name!r} leads out of the folder; pictures must lie inside it")
        if not path.is_file():
            raise KitError(f"the picture {name} is missing; put it back beside the JSON or write it anew")
        with Image.open(path, formats=["PNG"]) as picture:
            if max(picture.size) > MAX_SIDE:
                raise KitError(f"the picture {name} is {size_words(picture)}; at most {MAX_SIDE} pixels a side")
            return picture.convert("RGB")
    except KitError:
        raise
    # What Pillow and the file system raise for files that are broken, and for names that cannot be.
    except (OSError, SyntaxError, ValueError, RuntimeError, Image.DecompressionBombError) as error:
        raise KitError(f"the file {name} is not a readable PNG picture; write it anew") from error


def writable(text: str) -> str:
    """Text that UTF-8 can hold: half of a surrogate pair, as a cut-off decoder may leave, is not text."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise KitError(f"holds half a character at position {error.start}; decode the text whole") from error
    return text


Picture = Annotated[Image.Image, BeforeValidator(_as_picture)]
Text = Annotated[str, AfterValidator(writable)]


def size_words(picture: Image.Image) -> str:
    """'64x64': width and height in pixels."""
    return f"{picture.width}x{picture.height}"
