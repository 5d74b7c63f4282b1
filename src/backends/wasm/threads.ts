/**
 * Threads: each is an instance of the module over one shared memory. The first calls entries; the others wait in
 * `work` for a call, take their share of it, and wait again. Where the program says so they meet: nobody goes on before all
 * have come. A thread that waits looks again and again for a while, then sleeps until it is woken.
 * What the first was given room for by `reserve`, the others lay out for themselves at each call.
 *
 * Words of the memory below the first slot: which call it is and of what, the sizes it is for, and who has come to a
 * meeting. Words that are looked at while others are written lie 64 bytes apart.
 */
import binaryen from "binaryen";
import { CompilerBug } from "../../diagnostics/diagnostic.ts";
import type { Entry, KernelProgram } from "../../ir/kernel/types.ts";
import { isShared } from "../../ir/kernel/share.ts";
import { symbolsOf } from "../../ir/kernel/walk.ts";
import type { Int, Module, Ref } from "./code.ts";
import { FunctionCode } from "./code.ts";
import type { Frame, Turns } from "./scope.ts";
import { firstAddress } from "./layout.ts";
import { reservedGlobals } from "./memory.ts";
import { kept, sizeGlobal } from "./scope.ts";

const control = {
  /** Counts the calls. */
  call: 384,
  /** Of the call: its entry, how many threads take part, the sizes one after another. */
  entry: 448,
  threads: 452,
  sizes: 640,
  /** Of the meeting: how many have come, and how many meetings there were. */
  come: 512,
  meeting: 576,
  /** Threads that sleep. */
  sleepers: 456,
} as const;

/** How often a thread looks before it sleeps: about a tenth of a millisecond. */
const looks = 20_000;

/** With fewer examples, what has no other size is done by one thread: it takes less time than to wake another. */
const fewest = 8;

const id = "thread.id";
const threads = "thread.threads";
const team = "thread.team";
const sleeps = "thread.sleeps";

/** This thread's turns of `count`, in multiples of `by`; as `rangeOf` in `ir/kernel/share.ts`. */
export function ownTurns(frame: Frame, count: Int, by: number): Turns {
  const { code } = frame;
  const { m } = code;
  const name = typeof count === "number" ? String(count) : `local ${count.index}`;
  const key = `share ${name} by ${by}`;
  const parts = (): Ref =>
    by === 1
      ? code.int(count)
      : m.i32.div_u(m.i32.add(code.int(count), m.i32.const(by - 1)), m.i32.const(by));
  const all = (): Ref => m.global.get(threads, binaryen.i32);
  const up = (): Ref => m.i32.sub(m.i32.add(parts(), all()), m.i32.const(1));
  const each = kept(frame, `${key} each`, () => code.mul(m.i32.div_u(up(), all()), by));
  const own = (): Ref => m.i32.mul(m.global.get(id, binaryen.i32), code.get(each));
  const least = (a: () => Ref): Ref => m.select(m.i32.lt_u(a(), code.int(count)), a(), code.int(count));
  const from = kept(frame, `${key} from`, () => least(own));
  const to = kept(frame, `${key} to`, () => least(() => m.i32.add(own(), code.get(each))));
  return { from, to };
}

export const isFirst = (m: Module): Ref => m.i32.eqz(m.global.get(id, binaryen.i32));

export const meet = (m: Module): Ref => m.call("meet", [], binaryen.none);

/** Globals, `meet`, and what threads are woken and put to work with. */
export function writeThreads(m: Module, program: KernelProgram): void {
  if (control.sizes + 4 * reservedGlobals(program.symbols).length > firstAddress)
    throw new CompilerBug(`${program.name} has too many sizes for threads`);
  m.addGlobal(id, binaryen.i32, true, m.i32.const(0));
  // How many take part in the call, and how many there are.
  m.addGlobal(threads, binaryen.i32, true, m.i32.const(1));
  m.addGlobal(team, binaryen.i32, true, m.i32.const(1));
  m.addGlobal(sleeps, binaryen.i32, true, m.i32.const(0));
  writeAwait(m);
  writeWake(m);
  writeMeet(m);
  writeEnlist(m);
  writeWork(m, program);
}

/** The name of an entry's function that every thread runs. */
export const runName = (entry: Entry): string => `run ${entry.name}`;

/** The exported function of an entry: calls the others where there are any and the work is theirs too. */
export function writeCall(m: Module, program: KernelProgram, entry: Entry, index: number): void {
  const code = new FunctionCode(m, []);
  const name = `entry ${entry.name}`;
  const run = (): Ref => m.call(runName(entry), [], binaryen.none);
  if (entry.body.some(isShared)) {
    const symbols = symbolsOf(entry);
    const isSmall =
      symbols.size === 1 && symbols.has("B")
        ? m.i32.lt_s(m.global.get(sizeGlobal("B"), binaryen.i32), m.i32.const(fewest))
        : m.i32.const(0);
    const isAlone = m.i32.or(m.i32.eq(m.global.get(team, binaryen.i32), m.i32.const(1)), isSmall);
    const together = [
      m.global.set(threads, m.global.get(team, binaryen.i32)),
      store(m, control.entry, m.i32.const(index)),
      store(m, control.threads, m.global.get(team, binaryen.i32)),
      ...reservedGlobals(program.symbols).map((global, k) =>
        store(m, control.sizes + 4 * k, m.global.get(global, binaryen.i32)),
      ),
      wakeAfter(m, control.call),
      run(),
      meet(m),
      m.global.set(threads, m.i32.const(1)),
    ];
    code.finish(name, binaryen.none, [m.if(isAlone, run(), m.block(null, together))]);
  } else code.finish(name, binaryen.none, [run()]);
  m.addFunctionExport(name, entry.name);
}

// ---- words of the memory ------------------------------------------------------------------------------------

const address = (m: Module, word: number): Ref => m.i32.const(word);
const memory = "memory";
const load = (m: Module, word: number): Ref => m.i32.atomic.load(0, address(m, word), memory);
const store = (m: Module, word: number, value: Ref): Ref =>
  m.i32.atomic.store(0, address(m, word), value, memory);
const add = (m: Module, word: number, by: number): Ref =>
  m.i32.atomic.rmw.add(0, address(m, word), m.i32.const(by), memory);

/** Adds one to the word and wakes who sleeps because of it. */
const wakeAfter = (m: Module, word: number): Ref => m.call("wake", [address(m, word)], binaryen.none);

function writeWake(m: Module): void {
  const code = new FunctionCode(m, [binaryen.i32]);
  const word = (): Ref => code.get(code.param(0));
  code.finish("wake", binaryen.none, [
    m.drop(m.i32.atomic.rmw.add(0, word(), m.i32.const(1), memory)),
    m.if(load(m, control.sleepers), m.drop(m.memory.atomic.notify(word(), m.i32.const(-1), memory))),
  ]);
}

/** Returns once the word at the first parameter is no longer the second. */
function writeAwait(m: Module): void {
  const code = new FunctionCode(m, [binaryen.i32, binaryen.i32]);
  const word = (): Ref => code.get(code.param(0));
  const before = (): Ref => code.get(code.param(1));
  const body: Ref[] = [];
  const left = code.keepInt(body, m.i32.const(looks));
  const asleep = m.block(null, [
    m.drop(add(m, control.sleepers, 1)),
    m.drop(m.memory.atomic.wait32(word(), before(), m.i64.const(-1n), memory)),
    m.drop(add(m, control.sleepers, -1)),
  ]);
  body.push(
    m.loop(
      "look",
      m.block(null, [
        m.if(m.i32.ne(m.i32.atomic.load(0, word(), memory), before()), m.return()),
        code.increment(left, -1),
        m.br_if("look", m.i32.gt_s(code.get(left), m.i32.const(0))),
        m.if(m.global.get(sleeps, binaryen.i32), asleep),
        m.br("look"),
      ]),
    ),
  );
  code.finish("await", binaryen.none, body);
}

/** The last to come opens the next meeting; the others wait for that. */
function writeMeet(m: Module): void {
  const code = new FunctionCode(m, []);
  const body: Ref[] = [m.if(m.i32.eq(m.global.get(threads, binaryen.i32), m.i32.const(1)), m.return())];
  const meeting = code.keepInt(body, load(m, control.meeting));
  const others = m.i32.sub(m.global.get(threads, binaryen.i32), m.i32.const(1));
  const last = m.block(null, [store(m, control.come, m.i32.const(0)), wakeAfter(m, control.meeting)]);
  const wait = m.call("await", [address(m, control.meeting), code.get(meeting)], binaryen.none);
  body.push(m.if(m.i32.eq(add(m, control.come, 1), others), last, wait));
  code.finish("meet", binaryen.none, body);
}

/** `enlist(threads, sleeps)`, for the first: how many there are, and whether it may sleep itself. */
function writeEnlist(m: Module): void {
  const code = new FunctionCode(m, [binaryen.i32, binaryen.i32]);
  code.finish("enlist", binaryen.none, [
    m.global.set(team, code.get(code.param(0))),
    m.global.set(sleeps, code.get(code.param(1))),
  ]);
  m.addFunctionExport("enlist", "enlist");
}

/** `work(id)`, for the others: never returns. */
function writeWork(m: Module, program: KernelProgram): void {
  const code = new FunctionCode(m, [binaryen.i32]);
  const sizes = reservedGlobals(program.symbols).map((_, k) => load(m, control.sizes + 4 * k));
  const body: Ref[] = [m.global.set(id, code.get(code.param(0))), m.global.set(sleeps, m.i32.const(1))];
  const seen = code.keepInt(body, m.i32.const(0));
  const which = code.local(binaryen.i32);
  const runs = program.entries.map((entry, index) =>
    m.if(m.i32.eq(code.get(which), m.i32.const(index)), m.call(runName(entry), [], binaryen.none)),
  );
  body.push(
    m.loop(
      "calls",
      m.block(null, [
        m.call("await", [address(m, control.call), code.get(seen)], binaryen.none),
        code.increment(seen, 1),
        code.set(which, load(m, control.entry)),
        m.global.set(threads, load(m, control.threads)),
        m.drop(m.call("reserve", sizes, binaryen.i32)),
        ...runs,
        meet(m),
        m.br("calls"),
      ]),
    ),
  );
  code.finish("work", binaryen.none, body);
  m.addFunctionExport("work", "work");
}
