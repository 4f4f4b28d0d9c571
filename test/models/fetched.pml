/* A tag that mirrors move and clients push: link and note are two files, ADR 7 (store/filesystem/{tags,fetched-tags,tag-takes}.ts).
 * NM mirrors each publish what they last heard upstream (1 or 2), NP clients push, NR removers evict what is a mirror's.
 * One statement = one system call; anyone may stop for ever between any two, in a process of its own: kill -9, power cut, SIGSTOP.
 * What SAFE says holds at every instant, so after every crash too. Folders, index entries and fsyncs are not in it.
 * Digests: 0 none, 1 and 2 upstream's, 3 and 4 clients'; SAME: a client pushes 2. THERE: 1 stands there before, a mirror's.
 * TORN and ONE_TICK make it harder, OVERLAP lets pushes overlap; every other variant leaves a rule out, and must lose. */
#ifndef NM
#define NM 1
#endif
#ifndef NP
#define NP 1
#endif
#ifndef NR
#define NR 0
#endif
#ifndef MA
#define MA 2                            /* attempts of a mirror and of a push; who needs more stops: others came between that often */
#endif
#ifndef PA
#define PA 2
#endif
#define NB (NM*MA + NR*2 + NP*2*PA)     /* announcements: a fresh name each time */
#define BIT(i) (1<<(i))
#define MBOX(k,a) ((k)*MA+(a))
#define RBOX(k,a) (NM*MA+(k)*2+(a))
#define PBOX(k,a) (NM*MA+NR*2+(k)*2*PA+(a))
#ifdef SAME
#define VALUE(k) ((k)+2)
#else
#define VALUE(k) ((k)+3)
#endif
#ifdef ONE_TICK
#define OLDER(n,l) false                /* all files of one time, or clocks that were set back: only names and digests are left */
#else
#define OLDER(n,l) ((n)<(l))
#endif

#ifdef THERE
#define WAS 1
#else
#define WAS 0
#endif
byte now=1, link=WAS, lt=WAS;           /* what the tag stands for; lt: which file that is (inode and mtime), its time */
byte nt=WAS, nd=WAS, np;                /* the note: its time (0: there is none), its digest, the one before */
short next, note, box;                  /* announcements: a mirror's files in them; a taker's empty folder */
byte begun, pushed, acks;               /* digests whose push has begun; those whose revision a client has pushed; answers */
byte last;                              /* what the last push was answered for */
bool moved, taken;
#define COUNTS(t,d,p,l,at) (t!=0 && l!=0 && !OLDER(t,at) && (d==l || p==l))

/* One after the other, as each is a system call: lstat of the link, lstat and read of the note, lstat and read of the link. */
inline look() {
  do :: s1=lt;
#ifdef TORN
        st=nt;                          /* lstat and read of the note: another's note in between */
        d_step { sd=nd; sp=np; if :: nt==0 -> st=0 :: else fi };
#else
        d_step { st=nt; sd=nd; sp=np };
#endif
        s2=lt;
        atomic { sl=(s2==0 -> 0 : link); if :: s1==s2 -> s1=0; break :: else fi }
  od }
#ifdef OWN_STAYS
#define MOVABLE(own) (s2==0 || s2==own || (st!=0 && (sl==0 || COUNTS(st,sd,sp,sl,s2))))      /* "its own link it may always move" */
#else
#define MOVABLE(own) (s2==0 || (st!=0 && (sl==0 || COUNTS(st,sd,sp,sl,s2))))
#endif

/* Who is not the maker sees the names first, then unlinks file by file. */
#define revoke() revoke_but(0)
inline revoke_but(own_) {
  d_step { snap=(next|note|box) & ~(own_); i=0 };
  do :: atomic { do :: i<NB && (snap & BIT(i))==0 -> i++ :: else -> break od;
          if :: i==NB -> break :: else fi; next=next & ~BIT(i) };
        d_step { note=note & ~BIT(i); box=box & ~BIT(i); i++ }
  od; i=0; snap=0 }

/* Takes the link if it is (tl, tt), announced first; tl 0: if none can be read. */
inline take(b, tl, tt) {
#ifdef READ_FIRST
  rt=lt; rl=link; box=box | BIT(b);
#else
  box=box | BIT(b);
  rt=lt; rl=link;
#endif
  if :: rl==tl && (tl==0 || rt==tt) ->
        atomic { if :: (box & BIT(b)) && link!=0 -> link=0; lt=0; got=true :: else fi }
     :: else fi;
  d_step { box=box & ~BIT(b); rt=0; rl=0 } }

active [NM] proctype Mirror() { byte k=_pid, d, own, a, s1, s2, sl, st, sd, sp, b2, i, t, prev; short snap;
  if :: d=1 :: d=2 fi;
  do :: a<MA ->
    look();
    if :: !MOVABLE(own) -> break :: else fi;
    d_step { b2=s2; now++; t=now; prev=(sl==d -> 0 : sl);
#ifdef NO_PREVIOUS
      prev=0;
#endif
      next=next | BIT(MBOX(k,a)); note=note | BIT(MBOX(k,a)) };     /* the folder comes with both files */
#ifndef NOT_ALONE
    revoke_but(BIT(MBOX(k,a)));
#endif
#ifndef NO_SECOND_LOOK
    look();
    if :: s2!=b2 || !MOVABLE(own) -> goto out :: else fi;
#endif
#ifndef LINK_FIRST
    atomic { if :: note & BIT(MBOX(k,a)) -> note=note & ~BIT(MBOX(k,a)); nt=t; nd=d; np=prev :: else -> goto out fi };
#endif
    atomic { if :: (next & BIT(MBOX(k,a))) && (b2!=0 || link==0) -> next=next & ~BIT(MBOX(k,a)); link=d; lt=t :: else -> goto out fi };
#ifdef LINK_FIRST
    atomic { if :: note & BIT(MBOX(k,a)) -> note=note & ~BIT(MBOX(k,a)); nt=t; nd=d; np=prev :: else -> goto out fi };
#endif
    d_step { own=t; b2=0; prev=0; t=0; st=0; sd=0; sp=0; sl=0; s2=0 };
    revoke();
    look();
#ifdef OWN_STAYS
    if :: s2==0 || (s2==own && !COUNTS(st,sd,sp,sl,s2)) -> goto out :: else fi;
#else
    if :: s2==0 -> goto out :: else fi; /* a remover has taken it */
#endif
    if :: MOVABLE(own) -> moved=true :: else fi;
    break;
out: next=next & ~BIT(MBOX(k,a)); note=note & ~BIT(MBOX(k,a)); a++
  :: else -> break
  od }

active [NP] proctype Push() { byte k=_pid-NM, v, a, i, noted, hl, ht, rl, rt; short snap; bool got, there;
  v=VALUE(k);
#ifndef OVERLAP
  acks==k;                              /* one after the other */
#endif
  d_step { begun=begun | BIT(v); pushed=pushed | BIT(v) };
  nt=0;
  do :: a<PA ->
    if :: a==0 -> d_step { now++; link=v; lt=now }                  /* rename: replaces */
       :: else ->                                                   /* link: never replaces (ADR 12) */
          atomic { there=(link!=0); if :: !there -> now++; link=v; lt=now :: else fi };
          if :: there -> ht=lt; hl=link;
                if :: ht!=0 && hl==v -> atomic { if :: link!=0 -> now++; lt=now :: else fi }
                   :: ht==0 || hl==0 -> take(PBOX(k,2*a), 0, 0)
                   :: else fi
             :: else fi
    fi;
#ifdef NO_CLAIM
    noted=0;
#else
    do :: d_step { if :: nt!=0 -> noted=noted | BIT(nd) :: else fi };
          nt=0;
#ifndef NO_REVOKE
          revoke();
#endif
          if :: nt==0 -> break :: else fi
    od;
#endif
    ht=lt; d_step { hl=link; if :: ht==0 -> hl=0 :: else fi };
    if :: hl==0 ->
#ifdef STAT_ALONE
          if :: lt==0 -> a++; goto again :: else -> break fi       /* "it is there, so it must be damaged" */
#else
          a++; goto again               /* what is really damaged is not in here */
#endif
#ifndef NO_END
       :: hl!=0 && hl!=v && ((noted & BIT(hl)) || (hl<3 && (pushed & BIT(hl))==0)) -> take(PBOX(k,2*a+1), hl, ht); a++; goto again
       :: hl==v || (hl!=0 && hl!=v && !((noted & BIT(hl)) || (hl<3 && (pushed & BIT(hl))==0))) -> break
#else
       :: hl!=0 -> break
#endif
    fi;
again: skip
  :: else -> goto gone
  od;
  atomic { acks++; last=v };
gone: skip }

#if NR
active [NR] proctype Remove() { byte k=_pid-NM-NP, s1, s2, sl, st, sd, sp, rl, rt, i; short snap; bool got;
  look();
  if :: COUNTS(st,sd,sp,sl,s2) -> skip :: else -> goto out fi;
  d_step { taken=true; sd=0; sp=0; st=0; s1=0 };
  take(RBOX(k,0), sl, s2);
  if :: got && link==0 && nt!=0 ->      /* tidies: the note goes by an announcement too */
#ifdef TIDY_AT_ONCE
        nt=0
#else
        box=box | BIT(RBOX(k,1));
#ifndef NOT_ALONE
        revoke_but(BIT(RBOX(k,1)));
#endif
        if :: link==0 -> atomic { if :: box & BIT(RBOX(k,1)) -> nt=0 :: else fi } :: else fi;
        box=box & ~BIT(RBOX(k,1))
#endif
     :: else fi;
out: skip }
#endif

#ifdef OVERLAP
#define LATEST (begun & BIT(link))
#else
#define LATEST (link==last || (link>last && (begun & BIT(link))))
#endif
#define LOST (acks && (link==0 || !LATEST))                             /* what a client was answered stays */
#define TAKEN_OVER (acks && COUNTS(nt,nd,np,link,lt))                   /* and is a client's */
#define ORPHAN (!begun && link!=0 && !COUNTS(nt,nd,np,link,lt))         /* what only mirrors wrote is a mirror's */
#define GONE (!begun && moved && !taken && link==0)                     /* and stays */
active proctype Safe() {
end: atomic { LOST || TAKEN_OVER || ORPHAN || GONE -> assert(false) } }
