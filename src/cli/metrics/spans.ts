/**
 * Spans and their F1 by the rules of conlleval (Sang & Buchholz 2000, the script of the CoNLL shared tasks), in BIO and
 * IOB2, also in IOBES. A tag is a letter and, after the first hyphen, a type. A span need not begin with B: one starts
 * wherever a tag that is not O follows an O or another type. It is found if both ends and the type are right.
 */

export interface Span {
  readonly type: string;
  readonly from: number;
  /** After the last. */
  readonly to: number;
}

export interface SpanScore {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Spans in the data, spans predicted, and those in both. */
  readonly wanted: number;
  readonly found: number;
  readonly right: number;
}

export interface SpanScores extends SpanScore {
  /** In the order of their names. */
  readonly types: ReadonlyMap<string, SpanScore>;
}

/** Whether labels are tags of spans: all of the form, and some that show it. */
export function areSpanTags(labels: readonly string[]): boolean {
  const tagged = labels.filter((label) => /^[BIES]-./u.test(label)).length;
  const plain = labels.filter((label) => /^[BIO]$/u.test(label)).length;
  return tagged + plain === labels.length && (tagged > 0 || (plain > 1 && labels.includes("B")));
}

interface Tag {
  readonly letter: string;
  readonly type: string;
}

const outside: Tag = { letter: "O", type: "" };

function readTag(text: string): Tag {
  const hyphen = text.indexOf("-");
  return hyphen < 0
    ? { letter: text, type: "" }
    : { letter: text.slice(0, hyphen), type: text.slice(hyphen + 1) };
}

export function spansOf(tags: readonly string[]): readonly Span[] {
  const spans: Span[] = [];
  let from = -1;
  let before = outside;
  [...tags.map(readTag), outside].forEach((tag, place) => {
    if (from >= 0 && ends(before, tag)) {
      spans.push({ type: before.type, from, to: place });
      from = -1;
    }
    if (starts(before, tag)) from = place;
    before = tag;
  });
  return spans;
}

/** Whether a span that `before` is in ends before `tag`. */
const ends = (before: Tag, tag: Tag): boolean =>
  oneOf("ES", before) || oneOf("BSO", tag) || before.type !== tag.type;

const starts = (before: Tag, tag: Tag): boolean =>
  tag.letter !== "O" && (oneOf("BS", tag) || oneOf("OES", before) || before.type !== tag.type);

const oneOf = (letters: string, { letter }: Tag): boolean => [...letters].includes(letter);

/** Over all sequences; each pair holds the tags found and those of the data. */
export function scoreSpans(pairs: Iterable<readonly [readonly string[], readonly string[]]>): SpanScores {
  const counts = new Map<string, Counts>();
  const countsOf = (type: string): Counts => {
    const known = counts.get(type) ?? { wanted: 0, found: 0, right: 0 };
    counts.set(type, known);
    return known;
  };
  for (const [found, wanted] of pairs) {
    const truths = spansOf(wanted);
    const places = new Set(truths.map(placeOf));
    for (const { type } of truths) countsOf(type).wanted++;
    for (const span of spansOf(found)) {
      countsOf(span.type).found++;
      if (places.has(placeOf(span))) countsOf(span.type).right++;
    }
  }
  const types = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
  const total = { wanted: 0, found: 0, right: 0 };
  for (const [, { wanted, found, right }] of types) {
    total.wanted += wanted;
    total.found += found;
    total.right += right;
  }
  return { ...scoreOf(total), types: new Map(types.map(([type, some]) => [type, scoreOf(some)])) };
}

interface Counts {
  wanted: number;
  found: number;
  right: number;
}

const placeOf = ({ type, from, to }: Span): string => `${from} ${to} ${type}`;

/** Shares of nothing are 0, as conlleval counts them. */
function scoreOf({ wanted, found, right }: Counts): SpanScore {
  const precision = found > 0 ? right / found : 0;
  const recall = wanted > 0 ? right / wanted : 0;
  const f1 = right > 0 ? (2 * precision * recall) / (precision + recall) : 0;
  return { precision, recall, f1, wanted, found, right };
}
