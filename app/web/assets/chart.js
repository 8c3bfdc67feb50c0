import {el, svg, setText} from './dom.js'
import {bits, bytes, tick} from './text.js'

const axis = 18 // pixels below the plot, for its labels
const smallest = 0.1 // share of the plot that the part below the line has at least

// A Chart draws what was received above a line and what was sent below it, both on one scale. The pointer, a finger or the arrow
// keys read its values.
export class Chart {
  #items = []
  #ticks = []
  #rates
  #at = -1 // the item that is read; -1: none
  #width = 0
  #in = svg('path', {class: 'in'})
  #out = svg('path', {class: 'out'})
  #grid = svg('g', {class: 'grid'})
  #cursor = svg('rect', {class: 'cursor', visibility: 'hidden'})
  #image = svg('svg', {'aria-hidden': 'true', focusable: 'false'}, this.#cursor, this.#in, this.#out, this.#grid)
  #tip = el('div', {class: 'tip', hidden: true})
  #plot

  // With rates, values are bytes per second and drawn as an area; otherwise they are bytes and drawn as bars.
  constructor(label, rates) {
    this.#rates = rates
    this.#plot = el('div', {
      class: 'plot', tabindex: 0, role: 'slider', 'aria-label': label + ', arrow keys read the values',
      'aria-valuemin': 0, 'aria-valuemax': 0, 'aria-valuenow': 0, 'aria-valuetext': 'no data',
      onpointermove: e => this.#point(e), onpointerdown: e => this.#point(e), onpointerleave: () => this.#read(-1),
      onkeydown: e => this.#key(e), onblur: () => this.#read(-1),
    }, this.#image, this.#tip)
    this.node = el('div', {class: rates ? 'chart area' : 'chart bars'}, this.#plot)
    new ResizeObserver(() => {
      if (this.#plot.clientWidth !== this.#width) this.#draw()
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

  #format(v) { return this.#rates ? bits(v) : bytes(v) }

  // A step of the grid is 1, 2 or 5 times a power of ten in the unit that is shown.
  #step(max) {
    const factor = this.#rates ? 8 : 1
    const raw = max * factor / 2.2
    const power = 10 ** Math.floor(Math.log10(raw))
    return [5, 2, 1].map(n => n * power).find(step => step <= raw) / factor
  }

  #draw() {
    const width = this.#plot.clientWidth, height = this.#plot.clientHeight - axis
    this.#width = width
    if (width === 0 || height <= 0) return
    this.#image.setAttribute('viewBox', `0 0 ${width} ${height + axis}`)
    let top = 0, bottom = 0
    for (const i of this.#items) {
      top = Math.max(top, i.in)
      bottom = Math.max(bottom, i.out)
    }
    const most = Math.max(top, bottom) || 1
    top = Math.max(top * 1.05, most * smallest)
    bottom = Math.max(bottom * 1.05, most * smallest)
    const scale = (height - 2) / (top + bottom)
    const line = Math.round(1 + top * scale) - 0.5
    this.#shape(this.#in, width, line, -scale, 'in')
    this.#shape(this.#out, width, line + 1, scale, 'out')
    this.#gridLines(width, height, line, scale, top, bottom, most)
    this.#show()
  }

  // shape draws one side of the line.
  #shape(path, width, line, scale, side) {
    let d = ''
    const f = n => n.toFixed(1)
    if (this.#rates && this.#items.length > 0) {
      d = `M${f(this.#items[0].x * width)} ${line}`
      for (const i of this.#items) d += `L${f(i.x * width)} ${f(line + i[side] * scale)}`
      d += `L${f(this.#items.at(-1).x * width)} ${line}Z`
    }
    if (!this.#rates) {
      const bar = Math.max(1, this.barWidth * width - Math.min(3, this.barWidth * width / 4))
      for (const i of this.#items) {
        if (i[side] === 0) continue
        const tall = Math.max(1, Math.abs(i[side] * scale)) * Math.sign(scale)
        d += `M${f(i.x * width - bar / 2)} ${line}v${f(tall)}h${f(bar)}v${f(-tall)}Z`
      }
    }
    path.setAttribute('d', d)
  }

  #gridLines(width, height, line, scale, top, bottom, most) {
    const parts = [svg('line', {x1: 0, x2: width, y1: line + 0.5, y2: line + 0.5, class: 'zero'})]
    const step = this.#step(most)
    if (this.#items.some(i => i.in || i.out)) {
      for (let v = step; v <= Math.max(top, bottom); v += step) {
        for (const [y, room] of [[line - v * scale, v <= top], [line + v * scale, v <= bottom]]) {
          if (!room) continue
          parts.push(svg('line', {x1: 0, x2: width, y1: Math.round(y) + 0.5, y2: Math.round(y) + 0.5}))
          if (y > 14) parts.push(svg('text', {x: 0, y: Math.round(y) - 3}, tick(v * (this.#rates ? 8 : 1), this.#rates ? 'bit/s' : 'B')))
        }
      }
    }
    let end = -Infinity // of the last label
    for (const t of this.#ticks) {
      const wide = 7 * t.text.length
      const x = t.start ? t.x * width : Math.min(Math.max(t.x * width, wide / 2), width - wide / 2)
      const from = t.start ? x : x - wide / 2
      if (t.start) parts.push(svg('line', {x1: Math.round(x) + 0.5, x2: Math.round(x) + 0.5, y1: 0, y2: height, class: 'split'}))
      if (from < end + 8 || from + wide > width + 4) continue
      parts.push(svg('text', {x: t.start ? x + 4 : x, y: height + axis - 4, class: t.start ? 'start' : 'middle'}, t.text))
      end = from + wide
    }
    this.#grid.replaceChildren(...parts)
  }

  #point(event) {
    const box = this.#plot.getBoundingClientRect()
    const x = (event.clientX - box.left) / box.width
    let best = -1, distance = Infinity
    this.#items.forEach((item, i) => {
      if (Math.abs(item.x - x) < distance) [best, distance] = [i, Math.abs(item.x - x)]
    })
    this.#read(best)
  }

  #key(event) {
    const last = this.#items.length - 1, at = this.#at < 0 ? last + 1 : this.#at
    const page = Math.max(1, Math.round(this.#items.length / 10))
    const to = {
      ArrowLeft: at - 1, ArrowDown: at - 1, ArrowRight: at + 1, ArrowUp: at + 1, PageDown: at - page, PageUp: at + page, Home: 0, End: last,
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
    const wide = this.#rates ? 1 : this.barWidth * this.#width
    this.#cursor.setAttribute('x', item.x * this.#width - wide / 2)
    this.#cursor.setAttribute('width', wide)
    this.#cursor.setAttribute('y', 0)
    this.#cursor.setAttribute('height', this.#plot.clientHeight - axis)
    const values = [item.title, 'down ' + this.#format(item.in), 'up ' + this.#format(item.out)]
    this.#plot.setAttribute('aria-valuenow', this.#at)
    this.#plot.setAttribute('aria-valuetext', values.join(', '))
    if (this.#tip.childElementCount === 0) this.#tip.append(el('b'), el('span', {class: 'down'}), el('span', {class: 'up'}))
    setText(this.#tip.children[0], item.title)
    setText(this.#tip.children[1], this.#format(item.in))
    setText(this.#tip.children[2], this.#format(item.out))
    const half = this.#tip.offsetWidth / 2
    this.#tip.style.left = Math.min(Math.max(item.x * this.#width, half), this.#width - half) - half + 'px'
  }
}

// spark returns the paths of a small chart, 100 wide and 24 tall, or "" if nothing moved.
export function spark(received, sent) {
  const most = Math.max(...received, ...sent)
  if (!(most > 0)) return ['', '']
  const draw = (values, line, scale) => {
    const step = 100 / Math.max(1, values.length - 1)
    return values.reduce((d, v, i) => d + `L${(i * step).toFixed(1)} ${(line + v * scale).toFixed(1)}`, `M0 ${line}`) + `L100 ${line}Z`
  }
  const up = Math.max(...sent) / most
  const line = 1 + 22 * Math.max(...received) / most / (Math.max(...received) / most + up)
  const scale = 22 / (Math.max(...received) / most + up) / most
  return [draw(received, +line.toFixed(1), -scale), draw(sent, +line.toFixed(1), scale)]
}
