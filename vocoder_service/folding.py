import numpy as np
from dataclasses import dataclass
from numpy.lib.stride_tricks import sliding_window_view

OVERLAP=5; FADE=100; REACH=100; MOST=32; HEARD=12; FIRST=96; MOST_FRAMES=800; hop=200

@dataclass(frozen=True)
class Round:
    starts: tuple
    frames: int

def plan(frames):
    covers=[]
    if frames>FIRST*3//2:
        rest=frames-FIRST; n=-(-rest//MOST_FRAMES)
        covers=[FIRST]+[rest*(i+1)//n-rest*i//n for i in range(n)]
    else: covers=[frames]
    out=[];at=0
    for c in covers:
        out.append(round_(at,c)); at+=c
    return out

def round_(at,cover):
    lanes=min(MOST,max(1,cover//HEARD))
    length=-(-(cover+(lanes-1)*OVERLAP)//lanes)
    slack=cover-length
    return Round(tuple(at+slack*i//max(1,lanes-1) for i in range(lanes)),length)

def gains():
    return np.sin(np.pi/2*(np.arange(FADE)+.5)/FADE)**2

def align(tail, cand):
    w=sliding_window_view(cand,len(tail))
    s=(w@tail)/np.sqrt((w*w).sum(1)+1e-9)
    return int(np.argmax(s))
