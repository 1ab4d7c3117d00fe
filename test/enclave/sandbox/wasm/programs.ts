/** Makes programs at random, as text, that always come to an end: every loop has a bound, and functions call only those before them. */
import fc from 'fast-check';

/** Locals of each function: two parameters, two to compute with, and one counter for each depth of loops. */
const DEPTH = 4;
const COUNTERS = Array.from({ length: DEPTH }, (_, i) => `(local $c${i} i32)`).join(' ');
const VARIABLES = ['$a', '$b', '$x', '$y'];

const variable = fc.constantFrom(...VARIABLES);
const binary = fc.constantFrom(
  'add',
  'sub',
  'mul',
  'and',
  'or',
  'xor',
  'shl',
  'rotl',
  'lt_s',
  'gt_u',
  'div_u',
  'rem_s',
);
const address = (e: string): string => `(i32.and ${e} (i32.const 1023))`;

const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.integer({ min: -9, max: 9 }).map((n) => `(i32.const ${n})`),
    variable.map((v) => `(local.get ${v})`),
    fc.tuple(binary, tie('expression'), tie('expression')).map(([op, a, b]) => `(i32.${op} ${a} ${b})`),
    tie('expression').map((e) => `(i32.load ${address(e)})`),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `(call $callee ${a} ${b})`),
    tie('expression').map((e) => `(call $touch ${e})`),
    fc
      .tuple(tie('expression'), tie('expression'), tie('expression'))
      .map(([c, a, b]) => `(if (result i32) ${c} (then ${a}) (else ${b}))`),
    tie('expression').map((e) => `(block (result i32) (br_if 0 ${e} (local.get $x)) (drop) (local.get $y))`),
  ),
}));

/** A list of statements; `level` says how many loops are around them. */
function statements(level: number): fc.Arbitrary<string> {
  const one: fc.Arbitrary<string>[] = [
    fc.tuple(variable, expression).map(([v, e]) => `(local.set ${v} ${e})`),
    fc.tuple(expression, expression).map(([a, e]) => `(i32.store ${address(a)} ${e})`),
    fc.tuple(expression, expression).map(([a, n]) => `(memory.fill ${address(a)} (i32.const 1) ${address(n)})`),
    expression.map((e) => `(if ${e} (then (return (local.get $x))))`),
    expression.map((e) => `(br_if $out (local.get $y) ${e}) (drop)`),
  ];
  if (level < DEPTH) {
    const inner = statements(level + 1);
    const next = `(br_if $l${level} (i32.gt_s (local.tee $c${level} (i32.sub (local.get $c${level}) (i32.const 1))) (i32.const 0)))`;
    one.push(
      fc.tuple(expression, inner, inner).map(([c, a, b]) => `(if ${c} (then ${a}) (else ${b}))`),
      fc
        .tuple(fc.integer({ min: 1, max: 5 }), inner)
        .map(([n, body]) => `(local.set $c${level} (i32.const ${n})) (loop $l${level} ${body} ${next})`),
      fc
        .tuple(expression, inner, inner)
        .map(([e, a, b]) => `(block $p${level} (block $q${level} (br_table $p${level} $q${level} ${e}) ) ${a}) ${b}`),
      fc
        .tuple(expression, inner)
        .map(([e, a]) => `(block $h${level} (try_table (catch $t $h${level}) ${a} (if ${e} (then (throw $t)))))`),
    );
  }
  return fc.array(fc.oneof(...one), { maxLength: level === 0 ? 6 : 3 }).map((list) => list.join('\n'));
}

const body = statements(0);

/** Programs that export `go`, from two numbers to one, and their memory. */
export const arbitraryProgram: fc.Arbitrary<string> = fc.tuple(body, body, body).map((bodies) => {
  const functions = bodies.map((code, i) => {
    const callee = i === 0 ? '$leaf' : `$f${i - 1}`;
    return `(func $f${i} (param $a i32) (param $b i32) (result i32) (local $x i32) (local $y i32) ${COUNTERS}
      (block $out (result i32) ${code.replaceAll('$callee', callee)} (local.get $x)))`;
  });
  return `(module (import "host" "touch" (func $touch (param i32) (result i32))) (tag $t)
    (memory (export "memory") 1)
    (func $leaf (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1)))
    ${functions.join('\n')}
    (export "go" (func $f${bodies.length - 1})))`;
});
