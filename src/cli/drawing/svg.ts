/** SVG as text: elements with attributes, escaped. Numbers keep two decimals, so that a drawing is small and the same everywhere. */

export type Attributes = Readonly<Record<string, string | number>>;

export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const written = Object.entries(attributes).map(
    ([key, value]) => ` ${key}="${typeof value === "number" ? round(value) : escapeText(value)}"`,
  );
  const open = `<${name}${written.join("")}`;
  return children.length === 0 ? `${open}/>` : `${open}>${children.join("")}</${name}>`;
}

export const text = (content: string, attributes: Attributes): string =>
  element("text", attributes, escapeText(content));

export const escapeText = (content: string): string =>
  content.replace(/[&<>"]/gu, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign] ?? "&quot;");

export const round = (value: number): string => String(Number(value.toFixed(2)));

export const fontFamily =
  "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', Arial, sans-serif";

/** A whole drawing, with a title for readers that cannot see it. */
export function drawing(
  size: { readonly width: number; readonly height: number },
  title: string,
  style: string,
  body: readonly string[],
): string {
  const { width, height } = size;
  const attributes = {
    xmlns: "http://www.w3.org/2000/svg",
    viewBox: `0 0 ${round(width)} ${round(height)}`,
    width,
    height,
    role: "img",
    "aria-label": title,
    "font-family": fontFamily,
  };
  const parts = [element("title", {}, escapeText(title)), element("style", {}, style), ...body];
  return `${element("svg", attributes, `\n${parts.join("\n")}\n`)}\n`;
}
