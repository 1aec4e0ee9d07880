import { describe, expect, it } from '@jest/globals';
import { FlowLine } from '../../src/shaping/flow-line.js';
import { Flow } from '../../src/shaping/flow.js';
import { Limit } from '../../src/shaping/limit.js';
import { UNLIMITED } from '../../src/shaping/bandwidth.options.js';
import { Peer } from '../../src/shaping/peer-table.js';

describe('FlowLine', () => {
  it('gives flows in the order they came', () => {
    const { line, flows } = create('a', 'b', 'c');
    expect([drain(line), line.first, flows.map((flow) => flow.line)]).toEqual([
      'abc',
      undefined,
      [undefined, undefined, undefined],
    ]);
  });

  it.each([
    ['the first', 0, 'bc'],
    ['one in the middle', 1, 'ac'],
    ['the last', 2, 'ab'],
  ])('gives up %s', (_what, index, rest) => {
    const { line, flows } = create('a', 'b', 'c');
    flows[index]!.leaveLine();
    expect([flows[index]!.line, drain(line)]).toEqual([undefined, rest]);
  });

  it('takes a flow again that has left, also from another line', () => {
    const { line, flows } = create('a', 'b');
    const [a] = flows;
    a!.leaveLine();
    a!.leaveLine(); // it stands in none: nothing happens
    line.push(a!);
    const other = new FlowLine();
    a!.leaveLine();
    other.push(a!);
    expect([a!.line === other, drain(line), drain(other)]).toEqual([true, 'b', 'a']);
  });
});

function create(...names: string[]) {
  const line = new FlowLine();
  const flows = names.map((name) => {
    const number = name.charCodeAt(0);
    const flow = new Flow(new Peer(number, 1, new Limit(UNLIMITED, 0)), 1, undefined);
    line.push(flow);
    return flow;
  });
  return { line, flows };
}

function drain(line: FlowLine): string {
  let names = '';
  for (let flow = line.first; flow !== undefined; flow = line.first) {
    names += String.fromCharCode(flow.peer.number);
    line.remove(flow);
  }
  return names;
}
