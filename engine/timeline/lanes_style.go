package timeline

// laneStyle is the style sheet of the drawing. Every rule is below .ln, so that
// a page which holds the drawing keeps its own looks. Paper is white.
const laneStyle = `
.ln{--bg:#fff;--fg:#1b1f24;--mut:#59636e;--line:#e3e7eb;--axis:#8c959f;--head:#f3f5f7;--sil:#f4f5f7;--hat:#d5dae0;
--read:#2f7fd1;--rev:#d9971a;--des:#c4322a;--fail:#8f1d17;--ask:#7a4fd0;--askbg:#f2ecfd;--hand:#a389e0;--held:#e7cff0;--heldk:#8a3fa8;--wait:#aab2bb;--proof:#1f8a4c;--doubt:#c2410c;--doubtbg:#fde7d7;--told:#0a7f86;--on:#fff;
font-family:-apple-system,BlinkMacSystemFont,"Segoe UI","Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif;font-size:12px}
@media screen and (prefers-color-scheme:dark){.ln{--bg:#0d1117;--fg:#e6edf3;--mut:#9ba5b0;--line:#232a33;--axis:#6e7681;--head:#161b22;--sil:#12171e;--hat:#2c343e;
--read:#58a6ff;--rev:#e3b341;--des:#ff6a61;--fail:#ffa198;--ask:#b392f0;--askbg:#211a35;--hand:#8a6fd1;--held:#3a2147;--heldk:#d2a8ff;--wait:#56606b;--proof:#4cc38a;--doubt:#ffa657;--doubtbg:#3a2413;--told:#56d4dd;--on:#0d1117}}
.ln .bg{fill:var(--bg)}
.ln text{fill:var(--fg)}
.ln .m{fill:var(--mut)}
.ln .a{font-size:11px;font-variant-numeric:tabular-nums}
.ln .d{font-size:11px;font-weight:700}
.ln .s{font-size:9.5px}
.ln .c{text-anchor:middle}
.ln .e{text-anchor:end}
.ln .ax{stroke:var(--axis);fill:none}
.ln .tk{stroke:var(--line);fill:none}
.ln .day{stroke:var(--fg);stroke-dasharray:2 3;fill:none;opacity:.65}
.ln .sil{fill:var(--sil)}
.ln .hs{stroke:var(--hat);stroke-width:2.4;fill:none}
.ln .brk{fill:none;stroke:var(--axis);stroke-width:1.2}
.ln .sep{stroke:var(--line);fill:none}
.ln .run{fill:var(--head);stroke:var(--line)}
.ln .rt{font-weight:700;font-size:12.5px}
.ln .lb{font:600 12px ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.ln .sb{font:9.5px ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace;fill:var(--mut)}
.ln .st{font-size:11px;font-weight:600;fill:var(--mut)}
.ln .st.proof{fill:var(--proof)}.ln .st.fail,.ln .st.no{fill:var(--fail)}.ln .st.doubt{fill:var(--doubt)}.ln .st.ask{fill:var(--ask)}
.ln .b{stroke-width:1.2}
.ln .read .b{fill:var(--read)}
.ln .rev .b{fill:var(--rev)}
.ln .des .b{fill:var(--des);stroke:var(--fail)}
.ln .fail .b{fill:var(--bg);stroke:var(--fail);stroke-width:2}
.ln .ask .b{fill:var(--askbg);stroke:var(--ask);stroke-dasharray:4 2.5}
.ln .hand .b{fill:var(--hand)}
.ln .held .b{fill:var(--held);stroke:var(--heldk)}
.ln .wait .b{fill:none;stroke:var(--wait);stroke-dasharray:2 2}
.ln .proof .b{fill:var(--proof)}
.ln .no .b{fill:var(--bg);stroke:var(--des)}
.ln .doubt .b{stroke:var(--doubt)}
.ln .qb{fill:var(--doubtbg)}
.ln .qs{fill:var(--doubt);opacity:.4}
.ln .q{font-weight:800;font-size:13px;text-anchor:middle}
.ln .x{stroke:var(--fail);stroke-width:2;fill:none;stroke-linecap:round}
.ln .p .o{fill:var(--mut);stroke:var(--bg);stroke-width:1}
.ln .p .i{stroke:var(--on);stroke-width:1.7;fill:none;stroke-linecap:round;stroke-linejoin:round}
.ln .yes .o{fill:var(--proof)}
.ln .p.no .o{fill:var(--des)}
.ln .note .o{fill:var(--read)}
.ln .told .o{fill:var(--told)}
.ln .glass .o{fill:var(--doubt)}
.ln .gone .i{stroke:var(--mut);stroke-width:2.4}
.ln .n{font-size:9.5px;font-weight:700}
.ln .pt{font-size:11px}
.ln .lt{font-size:11.5px;fill:var(--mut)}
.ln .kl{stroke:var(--told);stroke-width:1.2;fill:none;opacity:.55}
.ln .kd{fill:var(--told)}
.ln .kt{font-size:11.5px;font-weight:600}
@media print{.ln *{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`
