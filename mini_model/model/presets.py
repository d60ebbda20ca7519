"""Two presets of one configuration: the miniature that learns on a laptop, and BAGEL-7B."""

from mini_model.model.config import UnifiedConfig

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
