/** The losses so far as a line: each point the mean of as many steps as fit into it, the axis from 0. */
const [width, height] = [640, 220];
const margin = { left: 36, right: 8, top: 10, bottom: 24 };

export function draw(svg, losses) {
  const count = Math.min(losses.length, 300);
  const points = Array.from({ length: count }, (_, k) => {
    const part = losses.slice(
      Math.floor((k * losses.length) / count),
      Math.floor(((k + 1) * losses.length) / count),
    );
    return part.reduce((sum, loss) => sum + loss, 0) / part.length;
  });
  const top = Math.ceil(Math.max(...points));
  const x = (k) => margin.left + ((width - margin.left - margin.right) * k) / Math.max(1, count - 1);
  const y = (loss) => margin.top + (height - margin.top - margin.bottom) * (1 - loss / top);
  const ticks = Array.from({ length: top + 1 }, (_, loss) => loss);
  svg.innerHTML = `
    ${ticks
      .map(
        (
          loss,
        ) => `<line class="axis" x1="${margin.left}" x2="${width - margin.right}" y1="${y(loss)}" y2="${y(loss)}"/>
    <text x="${margin.left - 6}" y="${y(loss) + 4}" text-anchor="end">${loss}</text>`,
      )
      .join("")}
    <polyline class="line" points="${points.map((loss, k) => `${x(k)},${y(loss)}`).join(" ")}"/>
    <text x="${width - margin.right}" y="${height - 6}" text-anchor="end">${losses.length} steps</text>
    <text x="${margin.left}" y="${height - 6}">loss in nats a character</text>`;
}
