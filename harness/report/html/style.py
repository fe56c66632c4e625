"""The report's style sheet and script: constants, so that the page needs no other file."""

# After Okabe & Ito's palette: some are darkened on white and lightened on dark paper, so that thin lines stand out.
# Every colour comes with a shape of its own, so nothing is told by colour alone.
CSS = """
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1b1b;--quiet:#5a5a5a;--rule:#d9d9d9;--stripe:#00000009;
--edge:#00000040;--panel:#f6f7f8;--link:#005a92;--c0:#0072b2;--c1:#d55e00;--c2:#007f5c;--c3:#b0568a;--c4:#b87900;--c5:#2d8fc4;--c6:#333}
@media (prefers-color-scheme:dark){:root{--paper:#15171a;--ink:#e8e8e6;--quiet:#a9adb2;--rule:#3a3e44;
--stripe:#ffffff0b;--edge:#ffffff50;--panel:#1e2125;--link:#7cc4f0;--c0:#56b4e9;--c1:#f08a3c;--c2:#2fc598;--c3:#dd93bd;--c4:#e69f00;
--c5:#a5d8f5;--c6:#f0e442}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem 1.1rem 4rem;max-width:1200px;background:var(--paper);color:var(--ink);
overflow-wrap:anywhere;font:16px/1.5 system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
h1{font-size:1.75rem;line-height:1.2;margin:.2em 0}
h2{font-size:1.3rem;margin:2.4rem 0 .4rem;padding-top:.6rem;border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:1.4rem 0 .3rem}
a{color:var(--link)}
.sub,figcaption,.hint{color:var(--quiet);font-size:.9em}
.verdict{background:var(--panel);border-left:4px solid var(--c0);padding:.6rem 1rem;margin:1rem 0}
.verdict summary{font-weight:400;color:var(--link)}.verdict p{margin:.4rem 0}
.verdict p:first-child{font-size:1.1rem;font-weight:600}
.studies ul{margin:.6rem 0;padding-left:1.2rem}.studies li{margin:.25rem 0}
nav ul{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;list-style:none;padding:0;margin:.6rem 0;font-size:.92rem}
nav .hint{margin:0}
/* Wide windows have room for the contents at the side. */
@media screen and (min-width:1380px){body{max-width:none;padding-left:max(17rem,calc((100vw - 1200px)/2));
padding-right:max(1.5rem,calc((100vw - 1200px)/2 - 17rem))}
body>header,main{max-width:1200px}
nav{position:fixed;top:1.5rem;left:max(1rem,calc((100vw - 1200px)/2 - 16rem));width:14.5rem;
max-height:calc(100vh - 3rem);overflow:auto;border-right:1px solid var(--rule);padding-right:.6rem}
nav ul{display:block}nav li{margin:.32rem 0;line-height:1.3}
[id]{scroll-margin-top:1rem}}
code{font:.92em ui-monospace,"DejaVu Sans Mono",monospace}
dl{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.35rem 1rem}dt{font-weight:600}dd{margin:0}
.narrow{display:none}
@media screen and (max-width:640px){.broad{display:none}.narrow{display:block;overflow-x:auto}
#table th[scope=row]{white-space:normal;width:7.5rem;min-width:7.5rem}}
@media (max-width:640px){dl{display:block}dd{margin:0 0 .5rem 1rem}}
figure{margin:.8rem 0 1.2rem}figure.table{margin:1.2rem 0}figure.table figcaption{padding:.3rem 0}
/* A shadow at the edge behind which a wide figure or table goes on; paper that moves along covers it at the end. */
.scroll,.panels figure{overflow-x:auto;background:linear-gradient(90deg,var(--paper) 40%,transparent) 0/48px 100%
no-repeat local,linear-gradient(270deg,var(--paper) 40%,transparent) 100%/48px 100% no-repeat local,
linear-gradient(90deg,var(--edge),transparent) 0/14px 100% no-repeat scroll,
linear-gradient(270deg,var(--edge),transparent) 100%/14px 100% no-repeat scroll}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(345px,100%),1fr));gap:.4rem .6rem}
.panels figure{margin:0}.panels.wide{grid-template-columns:repeat(auto-fill,minmax(min(590px,100%),1fr))}
svg{display:block;max-width:none;height:auto}
svg text{font:12.5px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;fill:var(--ink)}
svg .tick{font-size:11px;fill:var(--quiet)}svg .head{font-weight:600}svg .quiet{fill:var(--quiet);font-size:11.5px}
svg .beside{font-size:11.5px;paint-order:stroke;stroke:var(--paper);stroke-width:3px}
.grid{stroke:var(--rule);stroke-width:1}.stripe{fill:var(--stripe)}.mean{stroke:var(--ink);stroke-width:1.5}
.c0{fill:var(--c0);stroke:var(--c0)}.c1{fill:var(--c1);stroke:var(--c1)}.c2{fill:var(--c2);stroke:var(--c2)}
.c3{fill:var(--c3);stroke:var(--c3)}.c4{fill:var(--c4);stroke:var(--c4)}.c5{fill:var(--c5);stroke:var(--c5)}
.c6{fill:var(--c6);stroke:var(--c6)}.control{fill:var(--paper);stroke:var(--quiet);stroke-width:1.6}
.bar{stroke-width:2.4;stroke-linecap:round}.thin{stroke-width:1.4;opacity:.75}.faint{stroke-width:5;opacity:.4}
.band{stroke:none;opacity:.15}
.link{stroke-width:1.8;opacity:.75}.dash{stroke-dasharray:6 3}.open{fill:none;stroke-width:2.2}.hollow{fill:none;
stroke-width:1.7}
table{border-collapse:separate;border-spacing:0;font-size:.87rem;font-variant-numeric:tabular-nums}
th,td{padding:.28rem .4rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--rule)}
td,th{vertical-align:top}th{font-weight:600}.ends{display:block;color:var(--quiet);font-size:.92em}
.group{font-weight:400;color:var(--quiet);padding-top:.7rem}.l{text-align:left}.w{white-space:normal;min-width:10rem}.w.t{min-width:min(26rem,54vw)}
/* The generator's name stays in sight while its row is moved sideways. */
th[scope=row]{position:sticky;left:0;background:var(--paper)}
.tall{max-height:85vh;overflow:auto}.tall thead th{position:sticky;top:0;z-index:1;background:var(--paper)}
tbody tr:nth-child(even) th[scope=row]{background:linear-gradient(var(--stripe),var(--stripe)) var(--paper)}
thead th{border-bottom:2px solid var(--quiet)}tbody tr:nth-child(even){background:var(--stripe)}
th button{all:unset;cursor:pointer;padding:.1rem .2rem;border-radius:3px}
th button:hover{background:var(--panel)}
th[aria-sort] button::after{content:" ↕";color:var(--quiet);font-weight:400}
th[aria-sort=ascending] button::after{content:" ▲";color:var(--ink)}
th[aria-sort=descending] button::after{content:" ▼";color:var(--ink)}
:focus-visible,th button:focus-visible{outline:3px solid var(--c4);outline-offset:2px}
.grids{display:grid;grid-template-columns:repeat(auto-fill,minmax(255px,1fr));gap:1rem}
.grids figure{margin:0}.grids img{width:100%;image-rendering:pixelated;border:1px solid var(--rule);background:#fff}
pre{width:100%;background:var(--panel);color:var(--ink);border:1px solid var(--rule);padding:.6rem;
font:12.5px/1.45 ui-monospace,"DejaVu Sans Mono",monospace;border-radius:4px}
pre{overflow:auto;max-height:36rem;margin:.3rem 0}.paste{white-space:pre-wrap}
.copy{float:right;font:inherit;font-size:.85rem;padding:.15rem .7rem;margin:0 0 .3rem}
summary{cursor:pointer;padding:.35rem 0;font-weight:600}
@page{margin:13mm}
@media print{:root{--paper:#fff;--ink:#000;--quiet:#333;--rule:#bbb;--stripe:#00000009;--panel:#fff;--link:#000;
--c0:#0072b2;--c1:#d55e00;--c2:#007f5c;--c3:#b0568a;--c4:#b87900;--c5:#2d8fc4;--c6:#333}
body{max-width:none;padding:0;font-size:10pt}nav,.copy,.screen,th button::after{display:none!important}
figure,.verdict,tr,dd,dt{break-inside:avoid}figure.table{break-inside:auto}
h2,h3{break-inside:avoid}h2,h3,summary,.table figcaption,p.hint{break-after:avoid}
svg{max-width:100%}.scroll,.panels figure{overflow:visible;background:none}
.tall{max-height:none}.tall thead th{position:static}
th[scope=row]{position:static}.panels{grid-template-columns:repeat(3,1fr)}.grids{grid-template-columns:repeat(4,1fr)}
/* Words may break between words, not within: a column of sentences must not become a column of letters. */
table{font-size:7.5pt}th,td{padding:.1rem .25rem;overflow-wrap:break-word}.l,thead th{white-space:normal}
.w{min-width:5.5em}.w.t{min-width:14em}td.l{overflow-wrap:anywhere;min-width:4.5em}td.l:first-child{min-width:8.6em}
#table table{font-size:6.8pt}#table th,#table td{padding:.1rem .14rem}#table .w{min-width:5.5em}
#table th[scope=row]{overflow-wrap:anywhere;min-width:6em}
pre{max-height:none;white-space:pre-wrap}}
"""

# The page says all it has to say without a script; the script adds sorting and copying.
SCRIPT = """
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = row => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const order = (a, b) => {
        const x = key(a), y = key(b);
        if (x === "" || y === "") return (x === "") - (y === "");
        const difference = isNaN(x) || isNaN(y) ? x.localeCompare(y, "en") : x - y;
        return up ? difference : -difference;
      };
      /* Contestants and controls are bodies of their own, each sorted within itself. */
      for (const body of table.tBodies) body.append(...[...body.rows].sort(order));
    });
  });
}
for (const text of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", "Copy " + text.getAttribute("aria-label"));
  button.addEventListener("click", async () => {
    getSelection().selectAllChildren(text);
    try { await navigator.clipboard.writeText(text.textContent); } catch { document.execCommand("copy"); }
    button.textContent = "Copied";
  });
  text.before(button);
}
/* Paper cannot unfold: what belongs to the run is printed unfolded, the lock and long tables only where opened. */
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details.paper:not([open])")];
  for (const part of opened) part.open = true;
});
addEventListener("afterprint", () => { for (const part of opened) part.open = false; });
"""
