"""Every size of the model in one place, from a miniature to BAGEL-7B.

The parts keep the names of upstream's own files (`llm_config.json`, `vit_config.json`, `ae.safetensors`), so a
released folder and a miniature folder are read by the same code.
"""

import json
from pathlib import Path

from transformers import PreTrainedConfig, Qwen2Config, SiglipVisionConfig

from mini_model.errors import KitError
from mini_model.model.autoencoder import AutoencoderConfig

UPSTREAM_AUTOENCODER = {
    "resolution": 256,
    "ch": 128,
    "ch_mult": (1, 2, 4, 4),
    "num_res_blocks": 2,
    "z_channels": 16,
    "scale_factor": 0.3611,
    "shift_factor": 0.1159,
    "stem": 1,
}
KIT_NAMES = (  # what `bagel_config.json` may say
    "latent_patch_size", "max_latent_size", "vit_max_num_patch_per_side", "timestep_shift", "interpolate_pos",
)  # fmt: skip


class UnifiedConfig(PreTrainedConfig):
    """The sizes of one unified model: language model, vision encoder, autoencoder, and how pictures are cut."""

    model_type = "bagel"

    def __init__(
        self,
        llm_config: dict | None = None,
        vit_config: dict | None = None,
        vae_config: dict | None = None,
        latent_patch_size: int = 2,
        max_latent_size: int = 64,
        vit_max_num_patch_per_side: int = 70,
        timestep_shift: float = 1.0,
        interpolate_pos: bool = False,
        attention: str = "explicit",
        **kwargs,
    ) -> None:
        self.llm_config = dict(llm_config or {})
        self.vit_config = dict(vit_config or {})
        self.vae_config = dict(vae_config or UPSTREAM_AUTOENCODER)
        self.latent_patch_size = latent_patch_size  # latent cells along the edge of one picture token
        self.max_latent_size = max_latent_size  # rows and columns of the picture tokens' position table
        self.vit_max_num_patch_per_side = vit_max_num_patch_per_side
        self.timestep_shift = timestep_shift  # of training; painting names its own
        self.interpolate_pos = interpolate_pos  # stretch a picture's places over the whole table
        self.attention = attention  # "explicit" | "sdpa" | "flex"
        super().__init__(**kwargs)

    @property
    def llm(self) -> Qwen2Config:
        """The language model's sizes (Qwen2)."""
        return Qwen2Config(**{k: v for k, v in self.llm_config.items() if k != "architectures"})

    @property
    def vit(self) -> SiglipVisionConfig:
        """The vision encoder's sizes (SigLIP); its layer count is the number of layers that exist."""
        return SiglipVisionConfig(**self.vit_config)

    @property
    def autoencoder(self) -> AutoencoderConfig:
        """The autoencoder's sizes."""
        return AutoencoderConfig.from_dict(self.vae_config)

    @property
    def patch_channels(self) -> int:
        """Numbers in one picture token: a patch of latent cells, flattened."""
        return self.latent_patch_size**2 * self.autoencoder.z_channels

    @property
    def pixels_per_token(self) -> int:
        """Pixels along the edge of the square that one picture token stands for."""
        return self.autoencoder.downsample * self.latent_patch_size


def read_released(folder: Path) -> UnifiedConfig:
    """The configuration of a folder in the released layout, or of one whose `config.json` holds all parts.

    The released vision config counts one layer more than the model uses: upstream takes the last layer but one
    (`train/pretrain_unified_navit.py`), so the encoder here is built without it. `ae_config.json` and
    `bagel_config.json` are optional; without them upstream's own numbers hold.
    """
    whole = {} if (folder / "llm_config.json").exists() else _whole(folder)
    vit = whole.get("vit_config") or read_json(folder / "vit_config.json")
    if not isinstance(vit.get("num_hidden_layers"), int):
        raise KitError(f"{folder / 'vit_config.json'} does not say num_hidden_layers; copy it again")
    vit = vit | {"num_hidden_layers": vit["num_hidden_layers"] - 1}
    autoencoder, kit = folder / "ae_config.json", folder / "bagel_config.json"
    extra = read_json(kit) if kit.exists() else whole
    return UnifiedConfig(
        llm_config=whole.get("llm_config") or read_json(folder / "llm_config.json"),
        vit_config=vit,
        vae_config={"stem": 1, **read_json(autoencoder)} if autoencoder.exists() else None,
        **{name: extra[name] for name in KIT_NAMES if name in extra},
    )


def _whole(folder: Path) -> dict:
    """The one `config.json` of Hugging Face's layout, which holds the parts; nothing where there is no such file.

    Raises KitError where it describes a model of another kind.
    """
    path = folder / "config.json"
    told = read_json(path) if path.exists() else {}
    if told and (told.get("model_type") != UnifiedConfig.model_type or not isinstance(told.get("llm_config"), dict)):
        raise KitError(f"{path} describes a model of type {told.get('model_type')!r}, not one of BAGEL's kind")
    return told


def write_released(config: UnifiedConfig, folder: Path) -> None:
    """The four JSON files of the released layout."""
    parts = nested(config)
    for name, content in (
        ("llm_config.json", parts["llm_config"]),
        ("vit_config.json", parts["vit_config"]),
        ("ae_config.json", config.vae_config),
        ("bagel_config.json", {key: parts[key] for key in KIT_NAMES}),
    ):
        (folder / name).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def nested(config: UnifiedConfig) -> dict:
    """All sizes in one object, as Hugging Face's layout and vLLM have them; the encoder's last layer is counted."""
    vit = {**config.vit_config, "num_hidden_layers": config.vit_config["num_hidden_layers"] + 1}
    return {
        "model_type": config.model_type,
        "llm_config": config.llm_config,
        "vit_config": vit,
        "vae_config": {**config.vae_config, "downsample": config.autoencoder.downsample},
        "connector_act": "gelu_pytorch_tanh",
        **{key: getattr(config, key) for key in KIT_NAMES},
    }


def read_json(path: Path) -> dict:
    """A JSON object from a file, or one clear error that names the file."""
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise KitError(f"{path} is missing; a model folder holds it beside its weights") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise KitError(f"{path} is not valid JSON ({error}); copy it again from where the model came") from None
    if not isinstance(content, dict):
        raise KitError(f"{path} holds a {type(content).__name__}, not an object of settings")
    return content
