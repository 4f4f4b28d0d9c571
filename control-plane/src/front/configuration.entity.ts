import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm'

import type { Intent } from './intent.js'

/** One state of the configuration that was tried: what was meant, what was rendered from it, and what became of it. */
@Entity('configuration')
export class ConfigurationEntity {
  @PrimaryGeneratedColumn('identity', { type: 'int' })
  id!: number

  @Column('timestamptz')
  at!: Date

  @Column('text')
  author!: string

  /** What was asked for: `nginx.patch maxUploadSize`. */
  @Column('text')
  reason!: string

  @Column('text')
  outcome!: 'applied' | 'refused'

  /** Why it was refused; empty otherwise. */
  @Column('text')
  cause!: string

  /** Secrets in it are encrypted, or hashes. */
  @Column('jsonb')
  intent!: Intent

  /** Path → text of every rendered file. */
  @Column('jsonb')
  files!: Record<string, string>
}
