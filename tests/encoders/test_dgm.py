"""dgm-eval's other encoders are the networks that libraries carry under other names."""

from functools import partial

import numpy as np
import pytest
import timm
import torch
import torchvision

from harness.base.errors import UsageError
from harness.base.keys import digest_file
from harness.encoders.anytimm import Timm
from harness.encoders.convnext import ConvNeXt
from harness.encoders.data2vec import Data2Vec
from harness.encoders.inception import Inception, RandomInception
from harness.encoders.mae import MAE
from harness.encoders.simclr import SimCLRv2
from harness.encoders.simclr_resnet import resnet
from harness.encoders.swav import SwAV
from harness.encoders.vision import VGG16, RandomVGG16

pytestmark = pytest.mark.slow


def images(n, side=224, seed=0):
    return np.random.default_rng(seed).uniform(-2, 2, (n, side, side, 3)).astype(np.float32)


def relative(ours, theirs):
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


def drawn(network, seed=0):
    """The network with every tensor drawn, statistics and norms too, so that no part of it does nothing."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in network.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.add_(0.1 * torch.randn(tensor.shape, generator=generator))
        elif tensor.is_floating_point():
            scale = (2 / tensor[0].numel()) ** 0.5 if tensor.ndim == 4 else 0.02
            tensor.normal_(0, scale, generator=generator)
    return network.eval()


def of_file(tmp_path, made, state, **parameters):
    """An encoder with the weights of a state dict, through a file as a user gives it."""
    file = tmp_path / "net.pth"
    torch.save(state, file)
    return made(weights="file", file=str(file), sha256=digest_file(file), **parameters)


def run(network, rows):
    with torch.inference_mode():
        return network(torch.from_numpy(rows).permute(0, 3, 1, 2)).numpy()


# ---------------------------------------------------------------- networks


def test_swav_is_torchvisions_resnet50_below_its_head(tmp_path):
    theirs = drawn(torchvision.models.resnet50())
    state = {f"module.{name}": tensor for name, tensor in theirs.state_dict().items() if not name.startswith("fc.")}
    state |= {"module.projection_head.0.weight": torch.zeros(3), "module.prototypes.weight": torch.zeros(3)}
    rows = images(2)
    theirs.fc = torch.nn.Identity()
    found = of_file(tmp_path, SwAV, state).encode(rows)
    assert relative(found, run(theirs, rows)) < 1e-5
    # The authors' network pads by one, then convolves with a padding of two (src/resnet50.py).
    theirs.conv1 = torch.nn.Sequential(torch.nn.ConstantPad2d(1, 0.0), theirs.conv1)
    theirs.conv1[1].padding = (2, 2)
    assert relative(found, run(theirs, rows)) < 1e-5


def test_swav_refuses_a_file_that_leaves_weights_to_chance_as_dgm_eval_does_not(tmp_path):
    state = drawn(torchvision.models.resnet50()).state_dict()
    del state["layer4.2.conv3.weight"]
    with pytest.raises(UsageError, match=r"not the weights of SwAV's ResNet-50: Missing key.*layer4.2.conv3.weight"):
        of_file(tmp_path, SwAV, state)


def in_simclrs_names(state):
    """A ResNet-50 of torchvision in the names of SimCLRv2's converted files."""
    named = {}
    for name, tensor in state.items():
        part, _, rest = name.partition(".")
        if part in ("conv1", "bn1"):
            named[f"net.0.{'0' if part == 'conv1' else '1.0'}.{rest}"] = tensor
        elif part.startswith("layer"):
            block, inner, kind = rest.split(".", 2)
            where = {
                "conv1": "net.0",
                "bn1": "net.1.0",
                "conv2": "net.2",
                "bn2": "net.3.0",
                "conv3": "net.4",
                "bn3": "net.5.0",
            }.get(inner)
            if where is None:
                where, kind = ("projection.shortcut" if kind[0] == "0" else "projection.bn.0"), kind[2:]
            named[f"net.{part[5:]}.blocks.{block}.{where}.{kind}"] = tensor
        else:
            named[name] = tensor
    return named


def test_simclr_without_selective_kernels_is_torchvisions_resnet50(tmp_path):
    theirs = drawn(torchvision.models.resnet50())
    state = {"resnet": in_simclrs_names(theirs.state_dict()), "head": {}}
    theirs.fc = torch.nn.Identity()
    rows = images(2)
    found = of_file(tmp_path, SimCLRv2, state, architecture="r50_1x_sk0").encode(rows)
    assert relative(found, run(theirs, rows)) < 1e-5


def test_simclrs_selective_kernels_and_projections_are_the_formulas_of_its_paper():
    """Written out for one block that halves: Chen et al. 2020, appendix; resnet.py of google-research/simclr."""
    network = drawn(resnet("r50_1x_sk1"))
    block, x = network.net[2].blocks[0], torch.randn(2, 256, 14, 14, generator=torch.Generator().manual_seed(1))
    state = block.state_dict()

    def norm(name, x):
        mean, sd = state[f"{name}.running_mean"], (state[f"{name}.running_var"] + 1e-5).sqrt()
        scaled = (x - mean[:, None, None]) / sd[:, None, None]
        return scaled * state[f"{name}.weight"][:, None, None] + state[f"{name}.bias"][:, None, None]

    def mixed(name, x):
        return torch.einsum("oi,nihw->nohw", state[f"{name}.weight"][:, :, 0, 0], x)

    inner = norm("net.1.0", mixed("net.0", x)).clamp(min=0)
    both = torch.nn.functional.conv2d(inner, state["net.2.main_conv.0.weight"], stride=2, padding=1)
    first, second = norm("net.2.main_conv.1.0", both).clamp(min=0).split(128, 1)
    pooled = (first + second).mean((2, 3), keepdim=True)
    logits = mixed(
        "net.2.mixing_conv.2", norm("net.2.mixing_conv.1.0", mixed("net.2.mixing_conv.0", pooled)).clamp(min=0)
    )
    share = torch.sigmoid(logits[:, :128] - logits[:, 128:])
    assert state["net.2.mixing_conv.0.weight"].shape[0] == 32  # 128 / 16, but at least 32
    main = norm("net.4.0", mixed("net.3", share * first + (1 - share) * second))
    quarters = [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    around = norm("projection.bn.0", mixed("projection.shortcut.2", sum(quarters) / 4))
    with torch.inference_mode():
        assert relative(block(x).numpy(), (main + around).clamp(min=0).numpy()) < 1e-5


def test_simclrs_widths_and_depths_are_those_of_the_checkpoints_names():
    assert [resnet(name).dim for name in ("r50_1x_sk1", "r50_2x_sk1", "r50_3x_sk0")] == [2048, 4096, 6144]
    assert sum(len(group.blocks) for group in resnet("r101_1x_sk1").net[1:]) == 33
    with pytest.raises(UsageError, match="no architecture 'r18_1x_sk0'"):
        resnet("r18_1x_sk0")


def test_mae_is_torchvisions_vit_and_a_decoder_in_the_file_is_left_out(tmp_path):
    ours = drawn(timm.create_model("vit_base_patch16_224", num_classes=0)).state_dict()
    theirs = torchvision.models.vit_b_16().eval()
    theirs.heads = torch.nn.Identity()
    named = {
        "class_token": ours["cls_token"],
        "conv_proj.weight": ours["patch_embed.proj.weight"],
        "conv_proj.bias": ours["patch_embed.proj.bias"],
        "encoder.pos_embedding": ours["pos_embed"],
    }
    for kind in ("weight", "bias"):
        named[f"encoder.ln.{kind}"] = ours[f"norm.{kind}"]
        for i in range(12):
            there, here = f"encoder.layers.encoder_layer_{i}", f"blocks.{i}"
            named[f"{there}.self_attention.in_proj_{kind}"] = ours[f"{here}.attn.qkv.{kind}"]
            for other, own in (
                ("self_attention.out_proj", "attn.proj"),
                ("ln_1", "norm1"),
                ("ln_2", "norm2"),
                ("mlp.0", "mlp.fc1"),
                ("mlp.3", "mlp.fc2"),
            ):
                named[f"{there}.{other}.{kind}"] = ours[f"{here}.{own}.{kind}"]
    theirs.load_state_dict(named)
    rows = images(2)
    whole = {"model": {**ours, "mask_token": torch.zeros(1), "decoder_embed.weight": torch.zeros(1)}}
    found = of_file(tmp_path, MAE, whole, architecture="base").encode(rows)
    assert relative(found, run(theirs, rows)) < 1e-5


def in_the_authors_names(state):
    """A ConvNeXt of torchvision in the names of facebookresearch/ConvNeXt, models/convnext.py."""
    inner = {"0": "dwconv", "2": "norm", "3": "pwconv1", "5": "pwconv2"}
    named = {}
    for name, tensor in state.items():
        part = name.split(".")
        if part[0] == "classifier":
            named[f"{'norm' if part[1] == '0' else 'head'}.{part[2]}"] = tensor
        elif part[1] in "0246":
            named[f"downsample_layers.{int(part[1]) // 2}.{part[2]}.{part[3]}"] = tensor
        elif part[3] == "layer_scale":
            named[f"stages.{int(part[1]) // 2}.{part[2]}.gamma"] = tensor.flatten()
        else:
            named[f"stages.{int(part[1]) // 2}.{part[2]}.{inner[part[4]]}.{part[5]}"] = tensor
    return named


def test_convnext_is_torchvisions_from_a_file_in_its_authors_names(tmp_path):
    theirs = drawn(torchvision.models.convnext_small())
    state = {"model": in_the_authors_names(theirs.state_dict())}
    theirs.classifier = theirs.classifier[:2]
    rows = images(2)
    expected = run(theirs, rows)
    assert relative(of_file(tmp_path, ConvNeXt, state, architecture="small").encode(rows), expected) < 1e-5
    found = Timm(model="convnext_small.fb_in22k", file=str(tmp_path / "net.pth")).encode(rows)
    assert relative(found, expected) < 1e-5


def test_data2vec_is_timms_beit_with_position_biases_that_layers_share(tmp_path):
    from timm.models.beit import Beit

    theirs = drawn(
        Beit(
            num_classes=0,
            global_pool="token",
            use_abs_pos_emb=False,
            use_rel_pos_bias=False,
            use_shared_rel_pos_bias=True,
            init_values=0.1,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-12),
        )
    )
    table = "relative_position_bias.relative_position_bias_table"
    own = theirs.state_dict()
    state = {
        "embeddings.cls_token": own["cls_token"],
        "embeddings.mask_token": torch.zeros(1, 1, 768),
        "embeddings.patch_embeddings.projection.weight": own["patch_embed.proj.weight"],
        "embeddings.patch_embeddings.projection.bias": own["patch_embed.proj.bias"],
        f"encoder.{table}": own["rel_pos_bias.relative_position_bias_table"],
        "encoder.relative_position_bias.relative_position_index": torch.zeros(197, 197),
        "layernorm.weight": own["norm.weight"],
        "layernorm.bias": own["norm.bias"],
    }
    for i in range(12):
        here, there = f"blocks.{i}", f"encoder.layer.{i}"
        for part, weight in zip(("query", "key", "value"), own[f"{here}.attn.qkv.weight"].chunk(3), strict=True):
            state[f"{there}.attention.attention.{part}.weight"] = weight
        state[f"{there}.attention.attention.query.bias"] = own[f"{here}.attn.q_bias"]
        state[f"{there}.attention.attention.value.bias"] = own[f"{here}.attn.v_bias"]
        for k in (1, 2):
            state[f"{there}.lambda_{k}"] = own[f"{here}.gamma_{k}"]
        for kind in ("weight", "bias"):
            for other, ours in (
                ("attention.output.dense", "attn.proj"),
                ("intermediate.dense", "mlp.fc1"),
                ("output.dense", "mlp.fc2"),
                ("layernorm_before", "norm1"),
                ("layernorm_after", "norm2"),
            ):
                state[f"{there}.{other}.{kind}"] = own[f"{here}.{ours}.{kind}"]
    rows = images(2)
    found = of_file(tmp_path, Data2Vec, state, architecture="base").encode(rows)
    assert relative(found, run(theirs, rows)) < 1e-5
    del state[f"encoder.{table}"]  # as in a fine-tuned file
    with pytest.raises(UsageError, match="not the weights of data2vec-vision-base: Missing key"):
        of_file(tmp_path, Data2Vec, state, architecture="base")


def test_dgm_evals_clip_is_read_before_the_projection_from_open_clips_own_file(tmp_path):
    import open_clip

    torch.manual_seed(0)
    model = open_clip.create_model("ViT-B-32", pretrained=None, precision="fp32").eval()
    file = tmp_path / "open_clip_pytorch_model.bin"
    torch.save(model.state_dict(), file)
    model.visual.proj = None
    rows = images(2)
    found = Timm(model="vit_base_patch32_clip_224.datacompxl", pool="token", file=str(file)).encode(rows)
    assert found.shape == (2, 768)
    assert relative(found, run(model.visual, rows)) < 1e-5


# ---------------------------------------------------------------- random weights, batches

RANDOM = {
    "swav": (lambda seed: SwAV(weights="random", seed=seed), 2048, 224),
    "simclr": (lambda seed: SimCLRv2(weights="random", seed=seed), 2048, 224),
    "mae": (lambda seed: MAE(architecture="base", weights="random", seed=seed), 768, 224),
    "convnext": (lambda seed: ConvNeXt(architecture="small", weights="random", seed=seed), 768, 224),
    "data2vec": (lambda seed: Data2Vec(architecture="base", weights="random", seed=seed), 768, 224),
    "random_vgg16": (lambda seed: RandomVGG16(seed=seed), 4096, 224),
    "random_vgg16 of 64": (lambda seed: RandomVGG16(seed=seed, dim=64), 64, 224),
    "random_inception": (lambda seed: RandomInception(seed=seed), 2048, 299),
}


@pytest.mark.parametrize(("make", "dim", "side"), RANDOM.values(), ids=RANDOM)
def test_rows_do_not_hang_on_the_batch_and_weights_hang_on_the_seed_alone(make, dim, side):
    one, rows = make(1), images(3, side) / 2
    features = one.encode(rows)
    assert (features.shape, features.dtype, one.dim) == ((3, dim), np.float32, dim)
    assert np.isfinite(features).all()
    assert features.std(axis=0).max() > 0
    apart = np.concatenate([one.encode(rows[i : i + 1]) for i in range(3)])
    assert relative(apart, features) < 1e-5
    torch.rand(1)
    again = make(1)
    assert np.array_equal(again.encode(rows), features)
    assert again.identity == one.identity != make(2).identity
    with pytest.raises(ValueError, match="set resize"):
        one.encode(images(1, side + 8))


def test_random_vgg16_and_inception_are_the_random_weights_of_their_networks_and_say_so():
    rows = images(2)
    assert np.array_equal(RandomVGG16(seed=3).encode(rows), VGG16(weights="random", seed=3).encode(rows))
    rows = images(2, 299)
    theirs = Inception(weights="random", seed=3, layer="768")
    assert np.array_equal(RandomInception(seed=3, layer="768").encode(rows), theirs.encode(rows))
    for made in (RandomVGG16(), RandomInception()):
        assert made.random
        assert made.identity["architecture"].endswith("random weights")
