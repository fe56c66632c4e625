"""The built-in generators, in the order in which they are listed: a new one is a line here and a file beside this."""

from __future__ import annotations

from harness.base import Component
from harness.generators import controls, ddpm, density, from_diffusers, from_files, from_onnx, from_torch, vae
from harness.generators.families import (
    consistency,
    conv_vae,
    diffusion,
    energy,
    flow,
    flow_matching,
    gan,
    latent_diffusion,
    ncsn,
    pixelcnn,
    wgan_gp,
)

GENERATORS: tuple[Component, ...] = (
    *density.DENSITIES,
    vae.FACTS,
    ddpm.FACTS,
    conv_vae.FACTS,
    gan.FACTS,
    wgan_gp.FACTS,
    flow.FACTS,
    energy.FACTS,
    pixelcnn.FACTS,
    diffusion.FACTS,
    ncsn.FACTS,
    flow_matching.FACTS,
    consistency.FACTS,
    latent_diffusion.FACTS,
    *controls.CONTROLS,
    from_torch.SCRIPT,
    from_onnx.FACTS,
    from_torch.MODULE,
    from_diffusers.FACTS,
    *from_files.POOLS,
)
