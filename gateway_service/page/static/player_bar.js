/** The bar at the bottom of the page: controls of the player. */

import { canvas, element, input } from "./dom.js";
import { hideError, showError } from "./errors.js";
import { setLabel, translate } from "./language.js";
import { Menu } from "./menu.js";
import { player } from "./player.js";
import { drawWaveform } from "./plots.js";
import { store, stored } from "./storage.js";

const STEP_SECONDS = 5;
const LEAP_SECONDS = 30;

const seek = () => element("player-seek");
let frame = 0; // id of the pending animation frame; 0 if none is pending
/** @type {() => import("./downloads.js").Entry[]} */
let files = () => [];

export function setUpPlayerBar() {
  element("player-toggle").addEventListener("click", () => player.toggle());
  setUpSeek();
  setUpVolume();
  setUpRate();
  const button = /** @type {HTMLButtonElement} */ (element("player-download"));
  new Menu(button, () => files(), (error) => showError(element("player-error"), error));
  player.addEventListener("load", showItem);
  player.addEventListener("change", requestDraw);
  player.addEventListener("failed", () => showError(element("player-error"), player.error));
  new ResizeObserver(requestDraw).observe(seek());
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
    matchMedia(query).addEventListener("change", requestDraw);
  }
  document.addEventListener("languagechange", requestDraw);
}

/** @param {() => import("./downloads.js").Entry[]} entries of the download menu. */
export function offerFiles(entries) {
  files = entries;
}

function setUpSeek() {
  const toPointer = (/** @type {PointerEvent} */ event) => {
    const { left, width } = seek().getBoundingClientRect();
    player.seek(((event.clientX - left) / width) * player.seconds);
  };
  seek().addEventListener("pointerdown", (event) => {
    seek().setPointerCapture(event.pointerId);
    toPointer(event);
  });
  seek().addEventListener("pointermove", (event) => {
    if (seek().hasPointerCapture(event.pointerId)) {
      toPointer(event);
    }
  });
  seek().addEventListener("keydown", (event) => {
    const { position, seconds } = player;
    const places = {
      ArrowLeft: position - STEP_SECONDS, ArrowDown: position - STEP_SECONDS, ArrowRight: position + STEP_SECONDS,
      ArrowUp: position + STEP_SECONDS, PageDown: position - LEAP_SECONDS, PageUp: position + LEAP_SECONDS, Home: 0, End: seconds,
    };
    if (event.key in places) {
      event.preventDefault();
      player.seek(places[/** @type {keyof typeof places} */ (event.key)]);
    } else if (event.key === " ") {
      event.preventDefault();
      player.toggle();
    }
  });
}

function setUpVolume() {
  const field = input("player-volume");
  const use = () => (player.volume = Number(field.value));
  field.value = stored("volume") ?? "1";
  field.addEventListener("input", () => {
    use();
    store("volume", field.value, { persistent: true });
  });
  use();
  showVolumeIfItWorks();
}

/** On iPhones and iPads only the keys set the volume: what a page sets is gone soon after. */
function showVolumeIfItWorks() {
  const audio = new Audio();
  audio.volume = 0.5;
  setTimeout(() => (element("player-volume-field").hidden = audio.volume !== 0.5));
}

function setUpRate() {
  const field = input("player-rate");
  field.value = stored("rate") ?? "1";
  field.addEventListener("change", () => {
    player.rate = Number(field.value);
    store("rate", field.value, { persistent: true });
  });
  player.rate = Number(field.value) || 1;
}

function showItem() {
  const { item } = player;
  element("player").hidden = !item;
  document.body.classList.toggle("has-player", Boolean(item));
  hideError(element("player-error"));
  element("player-voice").textContent = item?.voice ?? "";
  element("player-title").textContent = item?.title ?? "";
  if (item && "mediaSession" in navigator) {
    navigator.mediaSession.metadata = new MediaMetadata({ title: item.title, artist: item.voice });
    navigator.mediaSession.setActionHandler("play", () => player.play());
    navigator.mediaSession.setActionHandler("pause", () => player.pause());
  }
  requestDraw();
}

function requestDraw() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    draw();
    if (player.playing) {
      player.dispatchEvent(new Event("tick"));
      requestDraw();
    }
  });
}

function draw() {
  if (!player.item) {
    return;
  }
  const { position, seconds, playing, waiting } = player;
  const toggle = element("player-toggle");
  toggle.classList.toggle("playing", playing);
  toggle.ariaBusy = String(waiting);
  if (toggle.dataset.label !== label(playing)) {
    setLabel(toggle, label(playing));
  }
  element("player-elapsed").textContent = clock(position);
  element("player-total").textContent = clock(seconds);
  seek().setAttribute("aria-valuemax", String(Math.round(seconds)));
  seek().setAttribute("aria-valuenow", String(Math.round(position)));
  const values = { position: clock(position), seconds: clock(seconds) };
  seek().setAttribute("aria-valuetext", translate("player.place", values));
  drawWaveform(canvas("player-wave"), player.peaks, { seconds: seconds || 1, played: position });
}

const label = (/** @type {boolean} */ playing) => (playing ? "player.pause" : "player.play");

/**
 * @param {number} seconds
 * @returns {string} such as 1:05 or 1:01:05
 */
export function clock(seconds) {
  const whole = Math.floor(seconds + 0.05);
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const shown = parts[0] ? parts : parts.slice(1);
  return shown.map((part, at) => (at ? String(part).padStart(2, "0") : String(part))).join(":");
}
