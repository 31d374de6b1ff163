/** A drawing of the library as elements of the page: the same shapes as in a file, styled by the page's own sheet. */
import { h } from "preact"
import type { Drawing } from "../picture/svg.ts"

export const Picture = ({ drawing: { height, shapes, title, width } }: { readonly drawing: Drawing }) => (
  <div class="picture" tabIndex={0} role="group" aria-label={title}>
    <svg viewBox={`0 0 ${width} ${height}`} role="img" aria-label={title}>
      {shapes.map(({ attributes, tag, text, title }, index) =>
        h(tag, { key: index, ...attributes }, title === undefined ? null : h("title", null, title), text)
      )}
    </svg>
  </div>
)
