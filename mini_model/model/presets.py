"""Presets of one configuration: the miniature that learns on a laptop, BAGEL-7B, and its shape in tiny."""

from pathlib import Path

from mini_model.errors import KitError
from mini_model.model.config import UPSTREAM_AUTOENCODER, UnifiedConfig

MINI_AUTOENCODER = {
    "ch": 64,
    "ch_mult": [1],
    "stem": 8,
    "z_channels": 8,
    "num_res_blocks": 1,
    "resolution": 64,
    "downsample": 8,
}


def mini(vocabulary: int, autoencoder: dict | None = None) -> UnifiedConfig:
    """Six layers, 192 wide, about six million weights in two experts; a 64-pixel picture is 4 x 4 tokens."""
    llm = {
        "model_type": "qwen2",
        "vocab_size": vocabulary,
        "hidden_size": 192,
        "intermediate_size": 512,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
        "num_key_value_heads": 3,
        "max_position_embeddings": 4096,
        "rope_theta": 10_000.0,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
    }
    vit = {
        "model_type": "siglip_vision_model",
        "hidden_size": 128,
        "intermediate_size": 384,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 64,
        "patch_size": 16,
    }
    return UnifiedConfig(
        llm_config=llm,
        vit_config=vit,
        vae_config=autoencoder or dict(MINI_AUTOENCODER),
        latent_patch_size=2,
        max_latent_size=4,
        vit_max_num_patch_per_side=4,
        timestep_shift=2.0,
    )


def bagel_7b(attention: str = "sdpa") -> UnifiedConfig:
    """BAGEL-7B-MoT as it was released: 28 layers, 3584 wide, two experts of 6.5 billion weights each.

    Source: `llm_config.json` and `vit_config.json` of the released folder, whose encoder is used without its last
    layer.
    """
    llm = {
        "model_type": "qwen2",
        "vocab_size": 152_064,
        "hidden_size": 3584,
        "intermediate_size": 18_944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "max_position_embeddings": 32_768,
        "rope_theta": 1_000_000.0,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
    }
    vit = {
        "model_type": "siglip_vision_model",
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 26,
        "num_attention_heads": 16,
        "image_size": 980,
        "patch_size": 14,
    }
    return UnifiedConfig(llm_config=llm, vit_config=vit, vae_config=dict(UPSTREAM_AUTOENCODER), attention=attention)


def tiny(attention: str = "sdpa") -> UnifiedConfig:
    """The shape of BAGEL-7B at a ten-thousandth of its size: what is written for a card runs here in a second."""
    config = bagel_7b(attention)
    config.llm_config |= {
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    config.vit_config |= {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 112,
    }
    config.max_latent_size = config.vit_max_num_patch_per_side = 8
    config.vae_config |= {"ch": 32, "ch_mult": [1, 2, 1, 1], "num_res_blocks": 1, "resolution": 64}
    return config


def preset(name: str) -> UnifiedConfig:
    """The sizes of a preset that needs no vocabulary of its own, or one clear error that lists what there is."""
    presets = {"bagel-7b": bagel_7b, "tiny": tiny}
    if name not in presets:
        raise KitError(f"no preset {name!r}; choose one of: {', '.join(presets)}")
    return presets[name]()


def check_sizes(config: UnifiedConfig, name: str, folder: Path) -> None:
    """One clear error for a model of other sizes than the preset's."""
    wanted = preset(name)
    for part, words in (
        ("llm_config", ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")),
        ("vit_config", ("hidden_size", "num_hidden_layers", "patch_size")),
    ):
        for word in words:
            here, there = getattr(config, part).get(word), getattr(wanted, part)[word]
            if here != there:
                raise KitError(
                    f"{folder} is no {name}: its {part} has {word} {here}, not {there}; take another --preset"
                )


def scaled(config: UnifiedConfig, layers: int | None = None, width: int | None = None) -> UnifiedConfig:
    """The same shape with other numbers of layers, or as many times as wide; the encoder and the words stay.

    Raises KitError for a width that is no multiple of the configuration's own.
    """
    llm = config.llm_config
    times, rest = divmod(width or llm["hidden_size"], llm["hidden_size"])
    if rest or not times or (layers is not None and layers < 1):
        raise KitError(
            f"width {width} is no multiple of {llm['hidden_size']}, or there is no layer; choose other sizes"
        )
    wider = ("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads")
    llm |= {name: llm[name] * times for name in wider}
    llm["num_hidden_layers"] = layers or llm["num_hidden_layers"]
    return config
