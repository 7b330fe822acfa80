"""Where an encoder computes and in how many bits: a rule about the machine, not a stopwatch."""

from __future__ import annotations

import torch

PRECISIONS = ("float32", "auto", "bfloat16", "float16")


def choose_device(name: str) -> torch.device:
    """The device called ``name``; "auto" is the first GPU, else the CPU.

    Raises:
        ValueError: this machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"Expected a device of this machine, such as auto, cpu or cuda:0 (got {name!r})."
        ) from error
    return device


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The type in which a model on ``device`` computes.

    "auto" is bfloat16 where the processor has instructions for it, float16 on other GPUs, and
    float32 on other CPUs, on which half precision only costs time.

    Raises:
        ValueError: unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"Expected a precision among {', '.join(PRECISIONS)} (got {precision!r}).")
    if precision != "auto":
        return getattr(torch, precision)
    if device.type == "cpu":
        return torch.bfloat16 if cpu_knows_bfloat16() else torch.float32
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float16


def cpu_knows_bfloat16() -> bool:
    """Whether the CPU multiplies in bfloat16; a torch too old to tell counts as no."""
    flags: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(flags.get("avx512_bf16") or flags.get("amx_bf16"))
