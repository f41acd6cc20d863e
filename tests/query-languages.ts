/** What a PromQL or LogQL query reads and returns, found with the parsers that Grafana's editors use. */
import { parser as logqlParser } from '@grafana/lezer-logql'
import type { SyntaxNode } from '@lezer/common'
import { parser as promqlParser } from '@prometheus-io/lezer-promql'

export interface Matcher {
  label: string
  /** `=`, `!=`, `=~`, `!~`; in a LogQL pipeline also a comparison. */
  operator: string
  value: string
}

export interface Selector {
  /** The metric's name; empty in LogQL. */
  metric: string
  matchers: Matcher[]
  /** The functions and aggregations around it, the innermost first. */
  calls: string[]
  /** Whether it has a range of its own, as in `x[5m]`. */
  isRange: boolean
}

export interface Range {
  /** As it is written: `5m`. */
  text: string
  /** The function that takes the range, or `subquery`. */
  call: string
}

export interface Analysis {
  /** The text from the place where it cannot be parsed; undefined when it can. */
  error: string | undefined
  selectors: Selector[]
  ranges: Range[]
  /** The first arguments of quantile functions, as numbers. */
  quantiles: number[]
  /** Divisors that may be zero, and quantiles that may be NaN: what turns an idle service's panel into NaN. */
  maybeNaN: string[]
  /** Labels that the query names elsewhere: grouping, matching, unwrapping. */
  labels: string[]
  /** Labels that the query makes itself. */
  madeLabels: string[]
  /** Labels of the result; undefined when they are whatever the series has. */
  result: string[] | undefined
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = []
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child)
  return children
}

const unquote = (text: string): string =>
  text.startsWith('`') ? text.slice(1, -1) : text.slice(1, -1).replaceAll(/\\(.)/g, '$1')

/** The arguments of a PromQL call. */
function argumentsOf(call: SyntaxNode): SyntaxNode[] {
  const body = call.getChild('FunctionCallBody')
  return body ? childrenOf(body) : []
}

function* descendantsOf(node: SyntaxNode): Generator<SyntaxNode> {
  yield node
  for (const child of childrenOf(node)) yield* descendantsOf(child)
}

function* ancestorsOf(node: SyntaxNode): Generator<SyntaxNode> {
  for (let parent = node.parent; parent; parent = parent.parent) yield parent
}

const firstError = (nodes: SyntaxNode[], query: string): string | undefined => {
  const node = nodes.find((found) => found.type.isError)
  return node && (query.slice(node.from).slice(0, 40) || 'its end')
}

const unique = (labels: string[]): string[] => [...new Set(labels)]

/** Reads a PromQL query whose variables are filled in. */
export function analysePromql(query: string): Analysis {
  const root = promqlParser.parse(query).topNode
  const nodes = [...descendantsOf(root)]
  const text = (node: SyntaxNode | null | undefined): string => (node ? query.slice(node.from, node.to) : '')

  const callOf = (node: SyntaxNode): string | undefined => {
    if (node.name === 'FunctionCall') return text(node.getChild('FunctionIdentifier'))
    if (node.name === 'AggregateExpr') return text(node.getChild('AggregateOp'))
    return undefined
  }
  const callsAround = (node: SyntaxNode): string[] =>
    [...ancestorsOf(node)].map(callOf).filter((call) => call !== undefined)

  const matchersOf = (selector: SyntaxNode): Matcher[] =>
    childrenOf(selector.getChild('LabelMatchers') ?? selector)
      .filter((node) => node.name.endsWith('LabelMatcher'))
      .map((node) => ({
        label: text(node.getChild('LabelName')) || unquote(text(node.getChild('QuotedLabelName'))),
        operator: text(node.getChild('MatchOp')),
        value: unquote(text(node.getChild('StringLiteral'))),
      }))

  const selectors = nodes
    .filter((node) => node.name === 'VectorSelector')
    .map((node): Selector => {
      const matchers = matchersOf(node)
      const named = matchers.find(({ label, operator }) => label === '__name__' && operator === '=')
      return {
        metric: text(node.getChild('Identifier')) || (named?.value ?? ''),
        matchers: matchers.filter(({ label }) => label !== '__name__'),
        calls: callsAround(node),
        isRange: node.parent?.name === 'MatrixSelector',
      }
    })

  const ranges = nodes
    .filter((node) => node.name === 'MatrixSelector' || node.name === 'SubqueryExpr')
    .map((node): Range => ({
      text: text(node.getChild('DurationExpr')),
      call: node.name === 'SubqueryExpr' ? 'subquery' : (callsAround(node)[0] ?? ''),
    }))

  const isQuantile = (node: SyntaxNode): boolean =>
    ['histogram_quantile', 'quantile_over_time'].includes(callOf(node) ?? '')
  const bare = (node: SyntaxNode): SyntaxNode =>
    node.name === 'ParenExpr' && node.firstChild ? bare(node.firstChild) : node
  const comparesWithZero = (node: SyntaxNode): boolean =>
    node.name === 'BinaryExpr' &&
    (node.getChild('Gtr') ?? node.getChild('Gte')) !== null &&
    text(node.lastChild) === '0'

  const maybeNaN = nodes.flatMap((node): string[] => {
    if (node.name === 'BinaryExpr' && node.getChild('Div') && node.lastChild) {
      const divisor = bare(node.lastChild)
      return divisor.name === 'NumberDurationLiteral' || (comparesWithZero(divisor) && divisor.getChild('Gtr'))
        ? []
        : [`divides by ${text(node.lastChild)} without (… > 0)`]
    }
    if (callOf(node) === 'histogram_quantile' && ![...ancestorsOf(node)].some(comparesWithZero))
      return [`${text(node)} without >= 0`]
    return []
  })

  const labelsIn = (node: SyntaxNode | null | undefined): string[] =>
    node ? node.getChildren('LabelName').map((label) => text(label)) : []

  function resultOf(node: SyntaxNode): string[] | undefined {
    switch (node.name) {
      case 'PromQL':
      case 'ParenExpr':
      case 'OffsetExpr':
        return node.firstChild ? resultOf(node.firstChild) : undefined
      case 'NumberDurationLiteral':
        return []
      case 'BinaryExpr': {
        const [left, right] = [node.firstChild, node.lastChild]
        if (!left || !right) return undefined
        return bare(left).name === 'NumberDurationLiteral' ? resultOf(right) : resultOf(left)
      }
      case 'AggregateExpr': {
        const modifier = node.getChild('AggregateModifier')
        if (modifier?.getChild('By')) return labelsIn(modifier.getChild('GroupingLabels'))
        if (modifier) return undefined
        const last = argumentsOf(node).at(-1)
        return ['topk', 'bottomk', 'limitk'].includes(callOf(node) ?? '') ? last && resultOf(last) : []
      }
      case 'FunctionCall': {
        const call = callOf(node) ?? ''
        if (['time', 'vector', 'scalar'].includes(call)) return []
        if (call === 'histogram_quantile') {
          const inner = argumentsOf(node)[1]
          return inner && resultOf(inner)?.filter((label) => label !== 'le')
        }
        return ['clamp_min', 'clamp_max', 'clamp', 'round', 'abs', 'sort', 'sort_desc'].includes(call)
          ? resultOf(argumentsOf(node)[0] ?? node)
          : undefined
      }
      default:
        return undefined
    }
  }

  return {
    error: firstError(nodes, query),
    selectors,
    ranges,
    quantiles: nodes.filter(isQuantile).map((node) => Number(text(argumentsOf(node)[0]))),
    maybeNaN,
    labels: unique(nodes.filter((node) => node.name === 'GroupingLabels').flatMap((node) => labelsIn(node))),
    madeLabels: unique(
      nodes
        .filter((node) => ['label_replace', 'label_join'].includes(callOf(node) ?? ''))
        .map((node) => unquote(text(argumentsOf(node)[1]))),
    ),
    result: resultOf(root),
  }
}

/** Reads a LogQL query whose variables are filled in. */
export function analyseLogql(query: string): Analysis {
  const root = logqlParser.parse(query).topNode
  const nodes = [...descendantsOf(root)]
  const text = (node: SyntaxNode | null | undefined): string => (node ? query.slice(node.from, node.to) : '')

  const callOf = (node: SyntaxNode): string | undefined => {
    if (node.name === 'RangeAggregationExpr') return text(node.getChild('RangeOp'))
    if (node.name === 'VectorAggregationExpr') return text(node.getChild('VectorOp'))
    return undefined
  }
  const callsAround = (node: SyntaxNode): string[] =>
    [...ancestorsOf(node)].map(callOf).filter((call) => call !== undefined)

  const matcherOf = (node: SyntaxNode): Matcher => {
    const [label, operator, value] = childrenOf(node)
    return {
      label: text(label),
      operator: text(operator),
      value: value?.name === 'String' ? unquote(text(value)) : text(value),
    }
  }
  // A list of matchers nests: each `Matchers` holds the ones before it and one `Matcher`.
  const matchersIn = (node: SyntaxNode): Matcher[] =>
    [...descendantsOf(node)]
      .filter(({ name }) => ['Matcher', 'NumberFilter', 'DurationFilter', 'BytesFilter'].includes(name))
      .map(matcherOf)

  const selectors = nodes
    .filter((node) => node.name === 'Selector')
    .map((node): Selector => {
      const pipeline = node.parent?.getChild('PipelineExpr')
      return {
        metric: '',
        matchers: [...matchersIn(node), ...(pipeline ? matchersIn(pipeline) : [])],
        calls: callsAround(node),
        isRange: node.parent?.name === 'LogRangeExpr',
      }
    })

  const labelsIn = (node: SyntaxNode | null | undefined): string[] =>
    node ? [...descendantsOf(node)].filter(({ name }) => name === 'Identifier').map((label) => text(label)) : []

  function resultOf(node: SyntaxNode): string[] | undefined {
    switch (node.name) {
      case 'VectorAggregationExpr':
      case 'RangeAggregationExpr': {
        const grouping = node.getChild('Grouping')
        if (grouping) return grouping.getChild('By') ? labelsIn(grouping) : undefined
        if (node.name === 'RangeAggregationExpr') return undefined
        const inner = node.getChild('MetricExpr')
        if (!['topk', 'bottomk'].includes(callOf(node) ?? '')) return []
        return inner ? resultOf(inner) : undefined
      }
      case 'VectorExpr':
        return []
      default:
        return node.firstChild ? resultOf(node.firstChild) : undefined
    }
  }

  // `<name>` of a pattern, `(?P<name>…)` of a regexp, `name = …` of label_format.
  const madeLabels = nodes.flatMap((node): string[] => {
    if (node.name === 'LabelFormatMatcher') return [text(node.firstChild)]
    if (node.name !== 'LabelParser') return []
    return [...text(node).matchAll(/<(\w+)>/g)].map(([, name = '']) => name).filter((name) => name !== '_')
  })

  return {
    error: firstError(nodes, query),
    selectors,
    ranges: nodes
      .filter((node) => node.name === 'Range')
      .map((node) => ({ text: text(node).slice(1, -1), call: callsAround(node)[0] ?? '' })),
    quantiles: nodes
      .filter((node) => callOf(node) === 'quantile_over_time')
      .map((node) => Number(text(node.getChild('Number')))),
    maybeNaN: [],
    labels: unique([
      ...nodes.filter((node) => node.name === 'Grouping').flatMap(labelsIn),
      ...nodes.filter((node) => node.name === 'UnwrapExpr').flatMap(labelsIn),
    ]),
    madeLabels: unique(madeLabels),
    result: resultOf(root),
  }
}
