/** The Lab: noise in, noise out, PSNR live, and a look inside the model. */
import { psnr } from "../maths/metrics.ts";
import { padReflect, type Rgba, toFloat, toLuma, toRgba } from "../maths/pixels.ts";
import { roundUp } from "../maths/tiles.ts";
import type { Lane } from "../jobs/lane.ts";
import { fetchFiles } from "../jobs/models.ts";
import type { Pool } from "../jobs/pool.ts";
import type { Queue } from "../jobs/queue.ts";
import { cleanWhole, type Ready } from "../jobs/whole.ts";
import type { NoiseSettings, PictureCalls } from "../protocol/picture.ts";
import type { Client } from "../protocol/rpc.ts";
import type { Filters } from "../protocol/engine.ts";
import { inWords, language, t } from "../words/index.ts";
import { Brush } from "./brush.ts";
import { byId, make, nextFrame, within } from "./dom.ts";
import { fetchSample, type Sample, sampleButtons } from "./files.ts";
import { draw, filtersSection, mapsSection } from "./inside.ts";
import { modelTitle } from "./status.ts";
import { complain } from "./toast.ts";

const SIDE = 320; // of the part of a sample that is used
const BLOCK_SIDE = 8;
/** What the ids of the two results begin with: of the model in use, and of the other. */
const RESULTS = ["lab", "lab-other"] as const;

/** The slider's percentage as photons that white counts: 1 % is 500, 100 % is 5. */
function photonsAt(percent: number): number {
  return percent === 0 ? 0 : Math.round(500 * 0.01 ** ((percent - 1) / 99));
}

export class LabView {
  private clean: Rgba | undefined;
  /** The sample that was chosen last: another may arrive later. */
  private chosen: Sample | undefined;
  private seed = 1;
  private turn = 0;
  private running = false;
  /** Which engine has which model's encoder. */
  private encoder: { lane: Lane; name: string; filters: Filters } | undefined;
  /** The filters that are shown, and the language of the words beside them. */
  private shown: { filters: Filters; language: string } | undefined;
  /** The model that is compared with the one in use. */
  private other: (Ready & { readonly lane: Lane; readonly name: string }) | undefined;
  /** The picture with noise everywhere, and what it was made of. */
  private spoiled: { clean: Rgba; made: string; picture: Rgba } | undefined;
  private readonly brush = new Brush(() => {
    const { clean, spoiled } = this;
    // The brush leaves its mark at once; the model follows.
    if (clean && spoiled?.clean === clean) draw(byId("lab-noisy"), this.brush.apply(clean, spoiled.picture));
    this.renew();
  });

  constructor(
    private readonly samples: readonly Sample[],
    private readonly pictures: Client<PictureCalls>,
    private readonly pool: Pool,
    private readonly queue: Queue,
    private readonly modelFolder: (name: string) => string,
    private readonly names: () => readonly string[],
  ) {
    const choices = sampleButtons(samples, (sample) => void this.choose(sample).catch(complain));
    byId("lab-samples").append(...choices);
    for (const id of ["lab-sigma", "lab-poisson", "lab-blocks", "lab-grain", "lab-blotches", "lab-jpeg"]) {
      byId(id).addEventListener("input", () => this.renew());
    }
    byId("lab-seed").addEventListener("click", () => {
      this.seed += 10;
      this.renew();
    });
    byId("lab-other").addEventListener("change", () => this.renew());
  }

  /** To be called when the view is shown, or the models or the language have changed. */
  show(): void {
    this.offerOthers();
    this.brush.show();
    if (this.clean) this.renew();
    else void this.choose(this.samples[0]).catch(complain);
  }

  private async choose(sample: Sample): Promise<void> {
    this.chosen = sample;
    for (const button of byId("lab-samples").querySelectorAll<HTMLElement>("button")) {
      button.ariaPressed = String(button.dataset.sample === sample.name);
    }
    const clean = await this.pictures.call("crop", [await fetchSample(sample), SIDE]);
    if (sample !== this.chosen) return;
    this.clean = clean;
    draw(byId("lab-clean"), this.clean);
    this.brush.reset(this.clean);
    this.renew();
  }

  /** The models that the one in use can be compared with. */
  private offerOthers(): void {
    const select = byId<HTMLSelectElement>("lab-other");
    const { value } = select;
    const others = this.names().filter((name) => name !== this.queue.model);
    const options = others.map((name) => make("option", { value: name, selected: name === value }, modelTitle(name)));
    select.replaceChildren(make("option", { value: "" }, t("lab.nothing")), ...options);
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
    const noisy = this.brush.apply(clean, await this.spoil(clean));
    draw(byId("lab-noisy"), noisy);
    byId("lab-psnr-noisy").textContent = decibels(psnr(clean, noisy));
    for (const id of RESULTS) byId(`${id}-result`).classList.add("stale");
    const name = this.queue.model;
    await this.pool.prepare(name);
    await this.showResult("lab", noisy, clean, this.pool.ready());
    if (current()) await this.compare(noisy, clean);
    if (current()) await this.lookInside(name, noisy);
  }

  /** The picture with noise everywhere; the brush asks for the same again and again. */
  private async spoil(clean: Rgba): Promise<Rgba> {
    const settings = this.settings();
    const made = JSON.stringify(settings);
    if (this.spoiled?.clean !== clean || this.spoiled.made !== made) {
      this.spoiled = { clean, made, picture: await this.pictures.call("spoil", [clean, settings]) };
    }
    return this.spoiled.picture;
  }

  private async showResult(id: (typeof RESULTS)[number], noisy: Rgba, clean: Rgba, ready: Ready): Promise<void> {
    const result = toRgba(await cleanWhole(noisy, ready));
    draw(byId(`${id}-result`), result);
    byId(`${id}-result`).classList.remove("stale");
    byId(`${id}-psnr`).textContent = decibels(psnr(clean, result));
    byId(`${id}-model`).textContent = t("lab.by", { model: modelTitle(ready.card.name) });
  }

  /** Lets the other model clean the same picture. */
  private async compare(noisy: Rgba, clean: Rgba): Promise<void> {
    const select = byId<HTMLSelectElement>("lab-other");
    const { value: name } = select;
    try {
      if (name && (this.other?.lane !== this.pool.lanes[0] || this.other?.name !== name)) {
        this.other = { ...(await this.pool.beside(name)), name };
      }
      if (name && this.other) await this.showResult("lab-other", noisy, clean, this.other);
    } catch (error) {
      complain(error);
      select.value = "";
    }
    byId("lab-compared").hidden = select.value === "";
  }

  private async lookInside(name: string, picture: Rgba): Promise<void> {
    const [lane] = this.pool.lanes;
    if (this.encoder?.lane !== lane || this.encoder.name !== name) {
      const files = await fetchFiles(this.modelFolder(`${name}-encoder`));
      await lane.engine.call("load", ["encoder", files]);
      this.encoder = { lane, name, filters: await lane.engine.call("filters", ["encoder"]) };
    }
    const { filters } = this.encoder;
    if (this.shown?.filters !== filters || this.shown.language !== language) {
      this.shown = { filters, language };
      byId("lab-inside").replaceChildren(filtersSection(filters));
    }
    const { multiple } = this.pool.rules();
    const noisy = padReflect(picture, roundUp(picture.width, multiple), roundUp(picture.height, multiple));
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
