package logprint

import "github.com/cri-logshim/cri-logshim/logreader"

// pieces is where the pieces of one stream's lines are put together until it is known whether
// the line is let through. The ones that come later are let through, or not, as they come.
//
//	none ──More──▶ gathering ──its end──▶ none
//	                   │                    ▲
//	                   └─enough─▶ decided ──┘ its end
type pieces struct {
	state   state
	line    logreader.Line // while gathering
	context bool           // of a line that is let through
}

type state int

const (
	none state = iota
	gathering
	letting  // decided: through
	dropping // decided: not
)

func (p *pieces) take(piece logreader.Line, s *searched) error {
	if !piece.Continued {
		if err := p.end(s); err != nil {
			return err
		}
	}
	switch p.state {
	case letting:
		if !piece.More {
			p.state = none
		}
		return s.put(shown{Line: piece, context: p.context})
	case dropping:
		if !piece.More {
			p.state = none
		}
		return nil
	case gathering:
		p.line.Text = append(p.line.Text, piece.Text...)
		p.line.More = piece.More
	default:
		if !piece.More || len(piece.Text) >= searchLimit {
			return p.decide(piece, s)
		}
		room := p.line.Text[:0]
		p.line = piece
		p.line.Text = append(room, piece.Text...)
		p.state = gathering
	}
	if p.line.More && len(p.line.Text) < searchLimit {
		return nil
	}
	return p.decide(p.line, s)
}

// decide has enough of a line decided.
func (p *pieces) decide(line logreader.Line, s *searched) error {
	through, context, err := s.decide(line)
	switch {
	case !line.More:
		p.state = none
	case through:
		p.state, p.context = letting, context
	default:
		p.state = dropping
	}
	return err
}

// end has the line decided that is gathered, since there is no more of it.
func (p *pieces) end(s *searched) error {
	gathered := p.state == gathering
	p.state = none
	if !gathered {
		return nil
	}
	_, _, err := s.decide(p.line)
	return err
}
