/** The camera: live at a size the machine can hold, and stills for the queue. */
import { LIVE_SIDES, liveSide, nextSide } from "../maths/camera.ts";
import { toRgba } from "../maths/pixels.ts";
import type { Pool } from "../jobs/pool.ts";
import type { Incoming, Queue } from "../jobs/queue.ts";
import { cleanWhole } from "../jobs/whole.ts";
import { problem } from "../protocol/errors.ts";
import { inWords, t } from "../words/index.ts";
import { Divider } from "./divider.ts";
import { byId, within } from "./dom.ts";
import { draw } from "./inside.ts";
import { complain } from "./toast.ts";

function end(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

export class CameraView {
  private stream: MediaStream | undefined;
  /** How often the camera was asked for or stopped: a stream that comes later than that is not wanted. */
  private turn = 0;
  private readonly video = byId<HTMLVideoElement>("camera-video");
  private readonly stage = byId("camera-stage");
  private readonly divider = new Divider(this.stage);
  private readonly context = new OffscreenCanvas(1, 1).getContext("2d", {
    willReadFrequently: true,
  }) as OffscreenCanvasRenderingContext2D;
  private side: number = LIVE_SIDES[0];

  constructor(
    private readonly pool: Pool,
    private readonly queue: Queue,
    private readonly take: (files: Incoming[]) => void,
  ) {
    byId("camera-start").addEventListener("click", () => void this.start());
    byId("camera-stop").addEventListener("click", () => {
      this.stop();
      byId("camera-start").focus(); // the button is gone
    });
    byId("camera-take").addEventListener("click", () => void this.still());
    new ResizeObserver(() => this.place()).observe(this.stage);
  }

  private async start(): Promise<void> {
    const error = byId("camera-error");
    error.hidden = true;
    const turn = ++this.turn;
    try {
      if (!navigator.mediaDevices) throw problem("NoCamera");
      const wanted = { width: { ideal: 1920 }, facingMode: { ideal: "environment" } };
      const stream = await navigator.mediaDevices
        .getUserMedia({ video: wanted })
        .catch((reason) => {
          throw problem("NoCamera", String(reason));
        });
      if (turn !== this.turn) {
        end(stream); // the person has left the room or clicked again meanwhile
        return;
      }
      this.stream = stream;
      this.video.srcObject = stream;
      await this.video.play();
      if (turn !== this.turn) return;
      byId("camera-idle").hidden = true;
      byId("camera-live").hidden = false;
      byId("camera-stop").focus();
      await this.live(stream);
    } catch (reason) {
      if (turn !== this.turn) return;
      this.stop();
      error.textContent = inWords(reason);
      error.hidden = false;
    }
  }

  stop(): void {
    this.turn++;
    if (this.stream) end(this.stream);
    this.stream = undefined;
    this.video.srcObject = null;
    byId("camera-idle").hidden = false;
    byId("camera-live").hidden = true;
  }

  /** Cleans frame after frame until the stream is stopped. */
  private async live(stream: MediaStream): Promise<void> {
    byId("camera-rate").textContent = t("camera.starting");
    await this.pool.prepare(this.queue.model);
    const { videoWidth, videoHeight } = this.video;
    this.side = liveSide(this.pool.speed(), Math.min(videoWidth, videoHeight) / Math.max(videoWidth, videoHeight));
    let smooth = 0;
    while (this.stream === stream) {
      const begin = performance.now();
      await this.frame();
      await new Promise(requestAnimationFrame);
      const took = performance.now() - begin;
      smooth = smooth ? 0.8 * smooth + 0.2 * took : took;
      const { width, height } = this.context.canvas;
      byId("camera-rate").textContent = t("camera.rate", { rate: (1000 / smooth).toFixed(1), width, height });
      const side = nextSide(this.side, smooth);
      if (side !== this.side) smooth = 0;
      this.side = side;
    }
  }

  private async frame(): Promise<void> {
    const { video, context, pool } = this;
    if (pool.lanes.length === 0) await pool.prepare(this.queue.model);
    const scale = this.side / Math.max(video.videoWidth, video.videoHeight);
    const width = Math.max(1, Math.round(video.videoWidth * scale));
    const height = Math.max(1, Math.round(video.videoHeight * scale));
    const { canvas } = context;
    if (canvas.width !== width || canvas.height !== height) {
      Object.assign(canvas, { width, height });
      this.place();
    }
    context.drawImage(video, 0, 0, width, height);
    const noisy = context.getImageData(0, 0, width, height);
    const clean = await cleanWhole(noisy, pool.ready());
    draw(within<HTMLCanvasElement>(this.stage, ".before"), noisy);
    draw(within<HTMLCanvasElement>(this.stage, ".after"), toRgba(clean));
  }

  /** Tells the divider where the letterboxed picture lies. */
  private place(): void {
    const { clientWidth, clientHeight } = this.stage;
    const { width, height } = this.context.canvas;
    const scale = Math.min(clientWidth / width, clientHeight / height);
    const shown = { width: width * scale, height: height * scale };
    this.divider.place({
      x: (clientWidth - shown.width) / 2,
      y: (clientHeight - shown.height) / 2,
      ...shown,
    });
  }

  /** A picture in the camera's full size goes to the queue. */
  private async still(): Promise<void> {
    try {
      const { videoWidth, videoHeight } = this.video;
      const canvas = new OffscreenCanvas(videoWidth, videoHeight);
      canvas.getContext("2d")?.drawImage(this.video, 0, 0);
      const blob = await canvas.convertToBlob();
      this.stop();
      const time = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
      this.take([{ name: `camera-${time}.png`, blob }]);
    } catch (error) {
      complain(error);
    }
  }
}
