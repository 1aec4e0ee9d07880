/** A rate that is wanted from an instant on. */
export interface RateStep {
  readonly fromMs: number;
  readonly bytesPerSecond: number;
}

/**
 * Draws rate over time, wanted against measured.
 *
 * @param measured bytes per second in each bin, from 0 on
 * @returns an SVG that follows the reader's light or dark mode
 */
export function drawRates(wanted: readonly RateStep[], measured: readonly number[], binMs: number): string {
  const endMs = measured.length * binMs;
  const topBytes = Math.ceil((Math.max(...measured) * HEADROOM) / TICK_BYTES) * TICK_BYTES;
  const x = (ms: number): number => round(LEFT + (ms / endMs) * (WIDTH - LEFT - RIGHT));
  const y = (bytesPerSecond: number): number =>
    round(HEIGHT - BOTTOM - (bytesPerSecond / topBytes) * (HEIGHT - TOP - BOTTOM));

  const wantedUntil = wanted.map(({ bytesPerSecond }, step) => ({
    untilMs: wanted[step + 1]?.fromMs ?? endMs,
    bytesPerSecond,
  }));
  const measuredUntil = measured.map((bytesPerSecond, bin) => ({
    untilMs: (bin + 1) * binMs,
    bytesPerSecond,
  }));
  const stairs = (parts: readonly { untilMs: number; bytesPerSecond: number }[]): string =>
    parts
      .map(({ untilMs, bytesPerSecond }, index) => {
        const start = index === 0 ? `M${x(0)} ` : 'V';
        return `${start}${y(bytesPerSecond)}H${x(untilMs)}`;
      })
      .join('');

  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title">
<title id="title">Upload rate over time, wanted and measured, while the limit is changed four times</title>
<style>${STYLE}</style>
${gridOf(topBytes, endMs, x, y)}
<path class="wanted" d="${stairs(wantedUntil)}"/>
<path class="measured" d="${stairs(measuredUntil)}"/>
${legend(binMs)}
</svg>
`;
}

type Scale = (value: number) => number;

function gridOf(topBytes: number, endMs: number, x: Scale, y: Scale): string {
  const lines: string[] = [];
  for (let rate = 0; rate <= topBytes; rate += TICK_BYTES) {
    lines.push(
      `<path class="${rate === 0 ? 'axis' : 'grid'}" d="M${LEFT} ${y(rate)}H${WIDTH - RIGHT}"/>`,
      `<text x="${LEFT - 8}" y="${y(rate) + 4}" text-anchor="end">${rate / 1e6}</text>`,
    );
  }
  for (let ms = 0; ms <= endMs; ms += TICK_MS) {
    lines.push(
      `<path class="axis" d="M${x(ms)} ${HEIGHT - BOTTOM}v5"/>`,
      `<text x="${x(ms)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${ms / 1000}</text>`,
    );
  }
  lines.push(
    `<text x="${LEFT - 8}" y="${TOP - 14}" text-anchor="end">MB/s</text>`,
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">seconds</text>`,
  );
  return lines.join('\n');
}

function legend(binMs: number): string {
  const y = TOP - 18;
  return `<path class="wanted" d="M${WIDTH - 330} ${y}h28"/><text x="${WIDTH - 295}" y="${y + 4}">wanted</text>
<path class="measured" d="M${WIDTH - 220} ${y}h28"/><text x="${WIDTH - 185}" y="${y + 4}">measured, each ${binMs} ms</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

const WIDTH = 760;

const HEIGHT = 320;

const LEFT = 56;

const RIGHT = 20;

const TOP = 40;

const BOTTOM = 48;

const HEADROOM = 1.05;

const TICK_BYTES = 1e6;

const TICK_MS = 3000;

// Colours with a contrast of 3:1 or more on either ground; the system's own font, so that nothing is loaded.
const STYLE = `
text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#57606a}
.grid,.axis{stroke:#8b949e;fill:none}
.grid{stroke-opacity:.25}
.wanted{stroke:#8b949e;stroke-width:6;stroke-opacity:.5;fill:none}
.measured{stroke:#0969da;stroke-width:1.75;stroke-linejoin:round;fill:none}
@media(prefers-color-scheme:dark){
text{fill:#9198a1}
.measured{stroke:#58a6ff}
}
`;
