/** The Lab: noise in, noise out, PSNR live, and a look inside the model. */
import { psnr } from "../maths/metrics.ts";
import { crop, padReflect, type Rgba, toFloat, toLuma, toRgba } from "../maths/pixels.ts";
import { roundUp } from "../maths/tiles.ts";
import type { Lane } from "../jobs/lane.ts";
import { fetchFiles } from "../jobs/models.ts";
import type { Pool } from "../jobs/pool.ts";
import type { Queue } from "../jobs/queue.ts";
import type { NoiseSettings, PictureCalls } from "../protocol/picture.ts";
import type { Client } from "../protocol/rpc.ts";
import { inWords, t } from "../words/index.ts";
import { byId, nextFrame, within } from "./dom.ts";
import { fetchSample, type Sample, sampleButtons } from "./files.ts";
import { draw, filtersSection, mapsSection } from "./inside.ts";

const SIDE = 320; // of the part of a sample that is used
const BLOCK_SIDE = 8;

/** The slider's percentage as photons that white counts: 1 % is 500, 100 % is 5. */
export function photonsAt(percent: number): number {
  return percent === 0 ? 0 : Math.round(500 * 0.01 ** ((percent - 1) / 99));
}

export class LabView {
  private clean: Rgba | undefined;
  private seed = 1;
  private turn = 0;
  private running = false;
  /** Which engine has which model's encoder. */
  private encoder: { lane: Lane; name: string } | undefined;

  constructor(
    private readonly samples: readonly Sample[],
    private readonly pictures: Client<PictureCalls>,
    private readonly pool: Pool,
    private readonly queue: Queue,
    private readonly modelFolder: (name: string) => string,
  ) {
    const choices = sampleButtons(samples, (sample) => void this.choose(sample));
    byId("lab-samples").append(...choices);
    for (const id of ["lab-sigma", "lab-poisson", "lab-blocks", "lab-grain", "lab-blotches", "lab-jpeg"]) {
      byId(id).addEventListener("input", () => this.renew());
    }
    byId("lab-seed").addEventListener("click", () => {
      this.seed += 10;
      this.renew();
    });
  }

  /** To be called when the view is shown, or the model or the language has changed. */
  show(): void {
    if (this.clean) this.renew();
    else void this.choose(this.samples[0]);
  }

  private async choose(sample: Sample): Promise<void> {
    for (const button of byId("lab-samples").querySelectorAll<HTMLElement>("button")) {
      button.ariaPressed = String(button.dataset.sample === sample.name);
    }
    this.clean = await this.pictures.call("crop", [await fetchSample(sample), SIDE]);
    draw(byId("lab-clean"), this.clean);
    this.renew();
  }

  private settings(): NoiseSettings {
    const value = (id: string) => byId<HTMLInputElement>(id).valueAsNumber;
    const sigma = value("lab-sigma");
    const photons = photonsAt(value("lab-poisson"));
    const blocks = value("lab-blocks") / 100;
    const tell = (id: string, text: string) => {
      within(byId("lab"), `output[for="${id}"]`).textContent = text;
    };
    const off = t("lab.off");
    const [grain, blotches] = [value("lab-grain"), value("lab-blotches")];
    // The slider's end is the worst: 95 is quality 5.
    const jpeg = value("lab-jpeg") && 100 - value("lab-jpeg");
    tell("lab-sigma", sigma ? String(sigma) : off);
    tell("lab-poisson", photons ? t("lab.photons", { count: photons }) : off);
    tell("lab-blocks", blocks ? `${Math.round(blocks * 100)} %` : off);
    tell("lab-grain", grain ? String(grain) : off);
    tell("lab-blotches", blotches ? String(blotches) : off);
    tell("lab-jpeg", jpeg ? t("lab.quality", { count: jpeg }) : off);
    return { sigma, photons, blocks, grain, blotches, jpeg, blockSide: BLOCK_SIDE, seed: this.seed };
  }

  /** Noise, model, numbers; only the latest of many calls is carried through. */
  private renew(): void {
    this.settings(); // the sliders' own numbers follow at once
    this.turn++;
    if (!this.running) void this.work();
  }

  private async work(): Promise<void> {
    this.running = true;
    const error = byId("lab-error");
    for (let turn = -1; turn !== this.turn; ) {
      turn = this.turn;
      try {
        await this.once(() => turn === this.turn);
        error.hidden = true;
      } catch (reason) {
        error.textContent = inWords(reason);
        error.hidden = false;
      }
    }
    this.running = false;
  }

  private async once(current: () => boolean): Promise<void> {
    const { clean } = this;
    if (!clean) return;
    const noisy = await this.pictures.call("spoil", [clean, this.settings()]);
    draw(byId("lab-noisy"), noisy);
    byId("lab-psnr-noisy").textContent = decibels(psnr(clean, noisy));
    byId("lab-result").classList.add("stale");
    const name = this.queue.model;
    await this.pool.prepare(name);
    const multiple = this.pool.rules().multiple;
    const padded = padReflect(noisy, roundUp(noisy.width, multiple), roundUp(noisy.height, multiple));
    const whole = await this.pool.run(toFloat(padded));
    const result = toRgba(crop(whole, { x: 0, y: 0, width: noisy.width, height: noisy.height }));
    draw(byId("lab-result"), result);
    byId("lab-result").classList.remove("stale");
    byId("lab-psnr").textContent = decibels(psnr(clean, result));
    if (current()) await this.lookInside(name, padded);
  }

  private async lookInside(name: string, noisy: Rgba): Promise<void> {
    const [lane] = this.pool.lanes;
    if (this.encoder?.lane !== lane || this.encoder.name !== name) {
      const files = await fetchFiles(this.modelFolder(`${name}-encoder`));
      await lane.engine.call("load", ["encoder", files]);
      this.encoder = { lane, name };
      const filters = await lane.engine.call("filters", ["encoder"]);
      byId("lab-inside").replaceChildren(filtersSection(filters));
    }
    const image = toFloat(noisy);
    const input = this.pool.model?.card.channels === 1 ? toLuma(image) : image;
    const maps = await lane.engine.call("run", ["encoder", input]);
    const sections = byId("lab-inside").children; // the filters, then a section of each scale
    for (const [at, scale] of maps.entries()) {
      await nextFrame(); // every canvas costs the browser a trip to the GPU
      const before = sections[at + 1] as Element | undefined;
      const section = mapsSection(scale, noisy, before);
      if (before) before.replaceWith(section);
      else byId("lab-inside").append(section);
    }
  }
}

function decibels(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(2)} dB` : t("lab.noNoise");
}
