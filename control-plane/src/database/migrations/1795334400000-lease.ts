import type { MigrationInterface, QueryRunner } from 'typeorm'

export class Lease1795334400000 implements MigrationInterface {
  name = 'Lease1795334400000'

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE TABLE "lease" ("name" text NOT NULL, "holder" text NOT NULL, "turn" integer NOT NULL, "begun" TIMESTAMP WITH TIME ZONE NOT NULL, "until" TIMESTAMP WITH TIME ZONE NOT NULL, "ended" TIMESTAMP WITH TIME ZONE, "failed" boolean, CONSTRAINT "PK_bbcb31cd0d6ea2f600b0f84717a" PRIMARY KEY ("name"))`,
    )
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE "lease"')
  }
}
