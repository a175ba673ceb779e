"""A recurrence h ← w h: one weight, used at every step, with one term in its gradient for each use.

After T steps h = w^T h₀, and everybody knows that the derivative by w is T w^(T−1) h₀. The chain rule finds the T
without knowing powers: each of the T steps multiplies by w once, each use contributes w^(T−1) h₀, and the contributions
are added. Whoever writes = for += keeps one of the T terms and gets a gradient that is T times too small. What is left
of an early step is multiplied by w again and again: with |w| < 1 it fades, with |w| > 1 it explodes.
"""

import chainrule as cr

STEPS = 4


def forward(w, h):
    for _ in range(STEPS):
        h = w * h
    return h


def by_hand(w, h):
    states = [h]
    for _ in range(STEPS):
        states.append(w * states[-1])
    dw, dh = 0.0, 1.0
    for t in reversed(range(STEPS)):
        dw += dh * states[t]
        dh = dh * w
    return {"w": dw, "h": dh}


arguments = 0.9, 1.5


def main():
    print(cr.derive(forward)(*arguments))
    print(cr.check(forward, by_hand, *arguments))


if __name__ == "__main__":
    main()
