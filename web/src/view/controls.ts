/** Strength and the finer controls: for each picture its own, for a new one those used last. */
import { type Controls, FULL } from "../maths/blend.ts";
import { t } from "../words/index.ts";
import { byId, within } from "./dom.ts";
import { say } from "./toast.ts";

const SLIDERS = ["strength", "luma", "colour", "detail"] as const;

export class ControlsView {
  private readonly own = new Map<number, Controls>();
  private latest = FULL;
  private id: number | undefined;

  constructor(private readonly changed: (controls: Controls) => void) {
    for (const name of SLIDERS) {
      const slider = byId<HTMLInputElement>(name);
      slider.addEventListener("input", () => this.set({ ...this.shown(), [name]: slider.valueAsNumber / 100 }));
      slider.addEventListener("dblclick", () => this.set({ ...this.shown(), [name]: FULL[name] }));
    }
    byId("reset").addEventListener("click", () => this.set(FULL));
    byId("apply-all").addEventListener("click", () => {
      const controls = this.shown();
      this.latest = controls; // for those that were never looked at
      for (const id of this.own.keys()) this.own.set(id, controls);
      say(t("control.applied"));
    });
  }

  /** The controls of a picture. */
  of(id: number): Controls {
    let controls = this.own.get(id);
    if (!controls) {
      controls = this.latest;
      this.own.set(id, controls);
    }
    return controls;
  }

  /** Lets the sliders show a picture's controls. */
  show(id: number): void {
    this.id = id;
    const controls = this.of(id);
    for (const name of SLIDERS) {
      const percent = Math.round(controls[name] * 100);
      byId<HTMLInputElement>(name).value = String(percent);
      within(document.body, `output[for="${name}"]`).textContent = `${percent} %`;
    }
    this.changed(controls);
  }

  private shown(): Controls {
    return this.id === undefined ? this.latest : this.of(this.id);
  }

  private set(controls: Controls): void {
    this.latest = controls;
    if (this.id === undefined) return;
    this.own.set(this.id, controls);
    this.show(this.id);
  }
}
