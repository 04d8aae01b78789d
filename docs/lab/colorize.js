// One picture and what the networks say about it, as colorlab/colorizer.py: stored answers, from which λ and T make
// colours again and again.

import {
  alongEdges, decided, ground, heeded, likelihoods, probabilities, regressed, reweighting, shared, toSize,
} from "./decode.js";
import { bins } from "./bins.js";
import { hintPlanes } from "./hints.js";
import { labOf, rgbaOf } from "./lab.js";
import { plane } from "./planes.js";
import { sized } from "./resize.js";

const LONGEST = 16; // of a picture longer than 16:1 the network sees a smaller one

// What a network sees of a picture { width, height, data }: the lightness of a copy of `workingSize`, be it larger.
export function smallLightness(image, workingSize) {
  const sides = [image.width, image.height].sort((one, other) => one - other);
  const longest = Math.floor((LONGEST * workingSize * sides[0]) / sides[1]);
  return lightness(sized(image, Math.max(1, Math.min(workingSize, longest))));
}

export function lightness(image) {
  return plane(image.width, image.height, labOf(image.data).L);
}

// One network's answer to one picture. Settings: { temperature, uniformMix, byRegion }.
export class Answer {
  constructor(about, small, answers, hints = null) {
    Object.assign(this, { about, small, answers, hints });
    if (about.kind === "classification") {
      this.likelihoods = likelihoods(answers);
      this.centers = bins(about.grid_size).centers;
    }
  }

  static async ask(networks, name, image, points = []) {
    const about = networks.about[name];
    const small = smallLightness(image, about.working_size);
    const hints = name === "guided" ? hintPlanes(points, image, small) : null;
    const answers = await networks.answer(name, small, hints);
    return new Answer(about, small, answers, points.length ? hints : null);
  }

  settings() {
    const { temperature, uniform_mix: uniformMix, by_region: byRegion } = this.about;
    return { temperature, uniformMix, byRegion };
  }

  // Probabilities of the bins at every answer; kept until λ or the sharing change.
  beliefs({ uniformMix, byRegion }) {
    const key = `${uniformMix} ${byRegion}`;
    if (this.key !== key) {
      const { prior, uniform_mix: trained } = this.about;
      const factors = prior ? reweighting(prior, trained, uniformMix) : this.centers.map(() => 1);
      const own = probabilities(this.likelihoods, factors, this.kept?.data);
      [this.key, this.kept] = [key, byRegion ? shared(own, this.small) : own];
    }
    return this.kept;
  }

  // Planes of a and b at the size of the small lightness; kept until a setting changes.
  ab(settings = this.settings()) {
    const key = JSON.stringify(settings);
    if (this.abKey !== key) {
      const ab = this.likelihoods
        ? decided(this.beliefs(settings), this.centers, settings.temperature)
        : regressed(this.answers);
      const there = toSize(ab, this.small);
      [this.abKey, this.abKept] = [key, this.hints ? heeded(there, this.hints, this.small) : there];
    }
    return this.abKept;
  }

  // The picture whose lightness is L, in colour: RGBA bytes.
  paint(L, settings) {
    if (this.ground?.L !== L) this.ground = ground(this.small, L);
    const { a, b } = alongEdges(this.ab(settings), this.ground);
    return rgbaOf(L.data, a.data, b.data);
  }
}
