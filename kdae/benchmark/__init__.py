"""Measures quality, speed and memory: `python -m kdae.benchmark`.

`quality` compares PSNR and time with classical methods, `memory` measures large pictures,
`folder` compares a folder with the model alone, `pipeline` compares training with training from
memory, and `scaling` calculates where the network limits training on many machines.
"""
