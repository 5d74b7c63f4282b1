/** Whether a drawing is well-formed, as a strict reader of XML sees it: tags that pair, attributes once, no bare signs. */

export function faultOf(svg: string): string | null {
  const open: string[] = [];
  const tag = /<(\/?)([a-z]+)((?:\s+[\w:-]+="[^"<]*")*)\s*(\/?)>/giy;
  for (let at = 0; at < svg.length;) {
    const next = svg.indexOf("<", at);
    const words = svg.slice(at, next < 0 ? undefined : next);
    if (/&(?!amp;|lt;|gt;|quot;)/u.test(words) || words.includes(">")) return `a bare sign in ${words}`;
    if (open.length === 0 && words.trim() !== "") return `text outside of the drawing: ${words}`;
    if (next < 0) break;
    tag.lastIndex = next;
    const match = tag.exec(svg);
    if (!match) return `no tag: ${svg.slice(next, next + 40)}`;
    const [, closes, name, attributes, empty] = match;
    const names = [...attributes!.matchAll(/([\w:-]+)=/gu)].map(([, key]) => key);
    if (new Set(names).size !== names.length) return `an attribute twice in ${match[0]}`;
    if (/NaN|undefined|Infinity/u.test(attributes!)) return `no number in ${match[0]}`;
    if (closes) {
      if (open.pop() !== name) return `${match[0]} closes nothing`;
    } else if (!empty) open.push(name!);
    at = tag.lastIndex;
  }
  return open.length === 0 ? null : `${open.join(", ")} not closed`;
}
