import {el, svg, setText} from './dom.js'
import {bits, bytes, clock, tick, toWall} from './text.js'

const axis = 1.2 // rem below the plot, for its labels
const gutter = 3.1 // rem left of bars, for the labels of the grid
const smallest = 0.1 // share of the plot that the part below the line has at least

// A Chart draws what was received above a line and what was sent below it, both on one scale. The pointer, a finger or the arrow
// keys read its values.
export class Chart {
  #items = []
  #ticks = []
  #rates
  #at = -1 // the item that is read; -1: none
  #width = 0 // of the chart
  #height = 0 // of the plot
  #left = 0 // of the plot
  #rem = 15 // pixels
  #in = svg('path', {class: 'in'})
  #out = svg('path', {class: 'out'})
  #lines = [svg('path', {class: 'in line'}), svg('path', {class: 'out line'})]
  #grid = svg('g', {class: 'grid'})
  #labels = svg('g', {class: 'grid'})
  #cursor = svg('rect', {class: 'cursor', visibility: 'hidden'})
  #image = svg(
    'svg',
    {'aria-hidden': 'true', focusable: 'false'},
    this.#grid,
    this.#in,
    this.#out,
    ...this.#lines,
    this.#labels,
    this.#cursor,
  )
  #tip = el('div', {class: 'tip', hidden: true})
  #plot

  // With rates, values are bytes per second and drawn as an area; otherwise they are bytes and drawn as bars.
  constructor(label, rates) {
    this.#rates = rates
    this.#plot = el(
      'div',
      {
        class: 'plot',
        tabindex: 0,
        role: 'slider',
        'aria-label': label + ', arrow keys read the values',
        'aria-valuemin': 0,
        'aria-valuemax': 0,
        'aria-valuenow': 0,
        'aria-valuetext': 'no data',
        onpointermove: e => this.#point(e),
        onpointerdown: e => this.#point(e),
        onpointerleave: () => this.#read(-1),
        onkeydown: e => this.#key(e),
        onblur: () => this.#read(-1),
      },
      this.#image,
      this.#tip,
    )
    this.node = el('div', {class: rates ? 'chart area' : 'chart bars'}, this.#plot)
    new ResizeObserver(([{contentRect}]) => {
      this.#rem = parseFloat(getComputedStyle(document.documentElement).fontSize)
      this.#width = contentRect.width
      this.#height = contentRect.height - axis * this.#rem
      this.#left = rates ? 0 : gutter * this.#rem
      this.#draw()
    }).observe(this.#plot)
  }

  // set replaces what is drawn. Items are sorted by x, which is their middle from 0 to 1: {x, in, out, title}. width is that of a
  // bar. Ticks are {x, text, start}: they are centered at x, or begin there.
  set(items, ticks, width) {
    this.#items = items
    this.#ticks = ticks
    this.barWidth = width
    this.#plot.setAttribute('aria-valuemax', Math.max(0, items.length - 1))
    if (this.#at >= items.length) this.#at = -1
    this.#draw()
  }

  #format(v) {
    return this.#rates ? bits(v) : bytes(v)
  }

  // A step of the grid is 1, 2 or 5 times a power of ten in the unit that is shown. There are at most three up to max.
  #step(max, height) {
    const factor = this.#rates ? 8 : 1
    const least = (max * factor) / (height < 120 ? 1.9 : 3.5)
    const power = 10 ** Math.floor(Math.log10(least))
    return [1, 2, 5, 10].map(n => n * power).find(step => step >= least) / factor
  }

  // x returns where a share of the width is, in pixels.
  #x(share) {
    return this.#left + share * (this.#width - this.#left)
  }

  #draw() {
    const width = this.#width,
      height = this.#height
    if (width === 0 || height <= 0) return
    this.#image.setAttribute('viewBox', `0 0 ${width} ${height + axis * this.#rem}`)
    let top = 0,
      bottom = 0
    for (const i of this.#items) {
      top = Math.max(top, i.in)
      bottom = Math.max(bottom, i.out)
    }
    const most = Math.max(top, bottom) || 1
    top = Math.max(top * 1.05, most * smallest)
    bottom = Math.max(bottom * 1.05, most * smallest)
    const scale = (height - 2) / (top + bottom)
    const line = Math.round(1 + top * scale)
    if (this.#rates) {
      this.#area(this.#in, this.#lines[0], line, -scale, 'in')
      this.#area(this.#out, this.#lines[1], line, scale, 'out')
    } else {
      this.#bars(this.#in, line, -scale, 'in')
      this.#bars(this.#out, line + 1, scale, 'out')
    }
    this.#gridLines(height, line, scale, top, bottom, most)
    this.#show()
  }

  // area draws one side of the line, and its edge.
  #area(area, edge, line, scale, side) {
    const points = this.#items.map(i => `${this.#x(i.x).toFixed(1)} ${(line + i[side] * scale).toFixed(1)}`).join('L')
    edge.setAttribute('d', points && 'M' + points)
    area.setAttribute('d', points && `M${this.#x(this.#items[0].x).toFixed(1)} ${line}L${points}V${line}Z`)
  }

  #bars(path, line, scale, side) {
    let d = ''
    const column = this.#columnWidth()
    const bar = Math.max(1, column - Math.min(3, column / 4))
    for (const i of this.#items) {
      if (i[side] === 0) continue
      const tall = Math.max(1, Math.abs(i[side] * scale)) * Math.sign(scale)
      d += `M${(this.#x(i.x) - bar / 2).toFixed(1)} ${line}v${tall.toFixed(1)}h${bar.toFixed(1)}v${(-tall).toFixed(1)}Z`
    }
    path.setAttribute('d', d)
  }

  #columnWidth() {
    return this.barWidth * (this.#width - this.#left)
  }

  #gridLines(height, line, scale, top, bottom, most) {
    const width = this.#width,
      left = this.#left
    const labels = [],
      lines = [svg('line', {x1: left, x2: width, y1: line + 0.5, y2: line + 0.5, class: 'zero'})]
    const step = this.#step(most, height)
    if (this.#items.some(i => i.in || i.out)) {
      for (let v = step; v <= Math.max(top, bottom); v += step) {
        for (const [y, room] of [
          [line - v * scale, v <= top],
          [line + v * scale, v <= bottom],
        ]) {
          if (!room) continue
          const at = Math.round(y),
            text = tick(v * (this.#rates ? 8 : 1), this.#rates ? 'bit/s' : 'B')
          lines.push(svg('line', {x1: left, x2: width, y1: at + 0.5, y2: at + 0.5}))
          if (this.#rates && at > 14) labels.push(svg('text', {x: 0, y: at - 4}, text))
          if (!this.#rates) labels.push(svg('text', {x: left - 6, y: Math.max(9, at + 4), class: 'end'}, text))
        }
      }
    }
    let end = -Infinity // of the last label
    for (const t of this.#ticks) {
      const wide = 0.4 * this.#rem * t.text.length,
        at = this.#x(t.x)
      const x = t.start ? at : Math.min(Math.max(at, left + wide / 2), width - wide / 2)
      const from = t.start ? x : x - wide / 2
      if (t.start) lines.push(svg('line', {x1: Math.round(x) + 0.5, x2: Math.round(x) + 0.5, y1: 0, y2: height, class: 'split'}))
      if (from < end + 4 || from + wide > width + 4) continue
      labels.push(svg('text', {x: t.start ? x + 4 : x, y: height + 0.95 * this.#rem, class: t.start ? '' : 'middle'}, t.text))
      end = from + wide
    }
    this.#grid.replaceChildren(...lines)
    this.#labels.replaceChildren(...labels)
  }

  #point(event) {
    const box = this.#plot.getBoundingClientRect()
    const x = (event.clientX - box.left - this.#left) / (box.width - this.#left)
    let best = -1,
      distance = Infinity
    this.#items.forEach((item, i) => {
      if (Math.abs(item.x - x) < distance) [best, distance] = [i, Math.abs(item.x - x)]
    })
    this.#read(best)
  }

  #key(event) {
    const last = this.#items.length - 1,
      at = this.#at < 0 ? last + 1 : this.#at
    const page = Math.max(1, Math.round(this.#items.length / 10))
    const to = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      PageDown: at - page,
      PageUp: at + page,
      Home: 0,
      End: last,
    }[event.key]
    if (event.key === 'Escape') this.#read(-1)
    if (to === undefined || last < 0) return
    event.preventDefault()
    this.#read(Math.min(last, Math.max(0, to)))
  }

  #read(at) {
    if (at === this.#at) return
    this.#at = at
    this.#show()
  }

  // show puts the cursor and the text at the item that is read.
  #show() {
    const item = this.#items[this.#at]
    this.#tip.hidden = !item
    this.#cursor.setAttribute('visibility', item ? 'visible' : 'hidden')
    if (!item) return
    const wide = this.#rates ? 1 : this.#columnWidth(),
      x = this.#x(item.x)
    this.#cursor.setAttribute('x', x - wide / 2)
    this.#cursor.setAttribute('width', wide)
    this.#cursor.setAttribute('y', 0)
    this.#cursor.setAttribute('height', this.#height)
    const values = [item.title, 'down ' + this.#format(item.in), 'up ' + this.#format(item.out)]
    this.#plot.setAttribute('aria-valuenow', this.#at)
    this.#plot.setAttribute('aria-valuetext', values.join(', '))
    if (this.#tip.childElementCount === 0) this.#tip.append(el('b'), el('span', {class: 'down'}), el('span', {class: 'up'}))
    setText(this.#tip.children[0], item.title)
    setText(this.#tip.children[1], this.#format(item.in))
    setText(this.#tip.children[2], this.#format(item.out))
    const half = this.#tip.offsetWidth / 2
    this.#tip.style.left = Math.min(Math.max(x, half), this.#width - half) - half + 'px'
  }
}

const span = 600e3 // milliseconds of a live chart

// A Live is a chart of the last ten minutes, to which points are added.
export class Live {
  #points = [] // {at, in, out}, in milliseconds and bytes per second
  #chart
  node

  constructor(label) {
    this.#chart = new Chart(label, true)
    this.node = this.#chart.node
  }

  // start begins with the recent traffic of the API.
  start(recent) {
    const end = Date.parse(recent.end),
      step = recent.step_seconds * 1000
    const received = recent.internet_in_bytes_per_second,
      sent = recent.internet_out_bytes_per_second
    this.#points = received.map((v, i) => ({at: end - (received.length - 1 - i) * step, in: v, out: sent[i]}))
    if (received.length > 0) this.#points.unshift({...this.#points[0], at: this.#points[0].at - step}) // where its step begins
  }

  add(at, [received, sent]) {
    this.#points.push({at, in: received, out: sent})
  }

  // show draws the ten minutes before a moment; null is that of the last point.
  show(now) {
    const end = now ?? this.#points.at(-1)?.at ?? 0
    const first = this.#points.findIndex(p => p.at > end - span)
    this.#points = first < 0 ? [] : this.#points.slice(Math.max(0, first - 1)) // with one before, so that the edge is not bare
    const items = this.#points.map(p => ({
      x: Math.min(1, Math.max(0, 1 - (end - p.at) / span)),
      in: p.in,
      out: p.out,
      title: clock(toWall(p.at), true),
    }))
    const ticks = [],
      step = 120e3
    for (let at = Math.ceil((end - span) / step) * step; at <= end; at += step)
      ticks.push({x: 1 - (end - at) / span, text: clock(toWall(at))})
    this.#chart.set(items, ticks)
  }
}

// spark returns the paths of a small chart, 100 wide and 24 tall, or "" if nothing moved.
export function spark(received, sent) {
  const most = Math.max(...received, ...sent)
  if (!(most > 0)) return ['', '']
  const draw = (values, line, scale) => {
    const step = 100 / Math.max(1, values.length - 1)
    return (
      values.reduce((d, v, i) => d + `L${(i * step).toFixed(1)} ${(line + v * scale).toFixed(1)}`, `M0 ${line}`) + `L100 ${line}Z`
    )
  }
  const up = Math.max(...sent) / most
  const line = 1 + (22 * Math.max(...received)) / most / (Math.max(...received) / most + up)
  const scale = 22 / (Math.max(...received) / most + up) / most
  return [draw(received, +line.toFixed(1), -scale), draw(sent, +line.toFixed(1), scale)]
}
